import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import { strategyContract } from './strategy.ts'

for (const [name, strategy] of Object.entries(strategies)) strategyContract(name, strategy)
