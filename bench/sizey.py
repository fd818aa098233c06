"""CPU of Sizey's decision and update for one task, in microseconds.

Written anew after Bader et al., "Sizey: Memory-Efficient Execution of Scientific Workflow Tasks", CLUSTER 2024, and the
parameters of https://github.com/dos-group/sizey: four models of scikit-learn, each searched anew over its grid by
cross-validation with every execution; a decision weighs their predictions by accuracy and efficiency (RAQ, softmax) and adds
the offset that would have wasted least. Searches run in this process, so that their CPU is counted.

Reads [[input size, peak memory], ...]; prints {"learn": [...], "decide": [...]}.
"""

import json
import statistics
import sys
import time
import warnings

import numpy as np
from scipy import stats
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import MinMaxScaler

warnings.filterwarnings("ignore")

KNOWN = 34
UPDATES = 2
DECISIONS = 10
ALPHA = 0.5

NETWORK = {
    "hidden_layer_sizes": [(5, 5), (7, 7), (9, 9)],
    "alpha": [0.0001, 0.001],
    "solver": ["lbfgs", "adam"],
    "learning_rate": ["constant", "adaptive"],
}
FOREST = {
    "n_estimators": [10, 25, 50],
    "max_depth": [3, 5, 7],
    "min_samples_split": [2, 4],
    "min_samples_leaf": [1, 2],
    "max_features": [1],
}
NEIGHBOURS = {
    "n_neighbors": [2, 3, 5, 7, 9],
    "weights": ["uniform", "distance"],
    "algorithm": ["auto", "ball_tree", "kd_tree", "brute"],
}
MODELS = [
    (LinearRegression(), {}, 10),
    (MLPRegressor(random_state=42, max_iter=5000), NETWORK, 5),
    (RandomForestRegressor(random_state=42), FOREST, 5),
    (KNeighborsRegressor(), NEIGHBOURS, 10),
]


def accuracy(wanted, predicted):
    return -np.mean(np.clip(np.abs((wanted - predicted) / (wanted + 1e-8)), None, 1))


class Model:
    def __init__(self, estimator, grid, folds):
        self.search = GridSearchCV(estimator, grid, cv=folds, scoring=make_scorer(accuracy))
        self.errors = []

    def fit(self, x, y):
        self.x_scale, self.y_scale = MinMaxScaler().fit(x), MinMaxScaler().fit(y)
        self.search.fit(self.x_scale.transform(x), self.y_scale.transform(y).ravel())

    def predict(self, x):
        scaled = self.search.best_estimator_.predict(self.x_scale.transform(x))
        return self.y_scale.inverse_transform(scaled.reshape(-1, 1)).ravel()


def offsets(errors):
    under = [error for error in errors if error > 0]
    yield np.std(errors)
    yield np.std(under) if under else 0.05
    yield statistics.median(abs(error) for error in errors)
    yield statistics.median(under) if under else 0.05


def offset(model, x, y):
    if not model.errors:
        return 0.05
    predicted = model.predict(x)
    wasted = {each: np.sum(np.abs(predicted * (1 + each) - y.ravel())) for each in offsets(model.errors)}
    return min(wasted, key=wasted.get)


def decide(models, x, y, asked):
    stats.kendalltau(x, y)
    predicted = np.array([model.predict(asked)[0] for model in models])
    efficiency = -predicted / predicted.max()
    scores = np.array([model.search.best_score_ for model in models])
    weights = np.exp(ALPHA * efficiency + (1 - ALPHA) * scores)
    weights /= weights.sum()
    chosen = np.array([offset(model, x, y) for model in models])
    return float(predicted @ weights * (1 + chosen @ weights)), predicted


def main():
    rows = np.array(json.load(sys.stdin), dtype=float)
    if len(rows) < KNOWN + UPDATES:
        sys.exit(f"the task has {len(rows)} executions, needs {KNOWN + UPDATES}")
    x, y = rows[:, :1], rows[:, 1:]
    models = [Model(*each) for each in MODELS]
    learn, took = [], []
    for known in range(KNOWN, KNOWN + UPDATES):
        start = time.process_time()
        for model in models:
            model.fit(x[:known], y[:known])
        learn.append((time.process_time() - start) * 1e6)
        start = time.process_time()
        for _ in range(DECISIONS):
            _, predicted = decide(models, x[:known], y[:known], x[known : known + 1])
        took.append((time.process_time() - start) * 1e6 / DECISIONS)
        for model, value in zip(models, predicted):
            model.errors.append(float((y[known, 0] - value) / y[known, 0]))
    json.dump({"learn": learn, "decide": took}, sys.stdout)


main()
