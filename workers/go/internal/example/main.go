package main

import (
	"context"
	"fmt"
	"log"
	"os/exec"
	"strings"
	"time"

	foresize "github.com/foresize/foresize/workers/go"
)

func main() {
	ctx := context.Background()
	worker, err := foresize.NewWorker(ctx, foresize.Options{})
	if err != nil {
		log.Fatal(err)
	}
	estimator, err := foresize.NewEstimator(foresize.EstimatorOptions{})
	if err != nil {
		log.Fatal(err)
	}
	sizer, err := foresize.NewSizer(estimator, foresize.SizerOptions{})
	if err != nil {
		log.Fatal(err)
	}

	input := strings.Repeat("b\na\n", 100_000)
	sized := sizer.Size(ctx, foresize.SchedulableTask{
		Task:      "sort",
		Features:  map[string]float64{"input_bytes": float64(len(input))},
		Requested: foresize.Resources{MemoryBytes: foresize.Of(4e9)},
	})
	for isWorthIt := true; isWorthIt; {
		fmt.Println(sized)
		command := exec.CommandContext(ctx, "sort")
		command.Stdin = strings.NewReader(input)
		result, err := worker.Run(ctx, sized.Task.Task, sized.StartOptions(), command)
		if err != nil {
			log.Print(err)
		}
		sized, isWorthIt = sizer.Retry(ctx, sized, result.Outcome, foresize.RetryOptions{})
	}

	within, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := worker.Close(within); err != nil {
		log.Print(err)
	}
	if err := estimator.Close(); err != nil {
		log.Print(err)
	}
}
