//! Reports one run, and asks what the next one needs.

mod v1 {
    tonic::include_proto!("foresize.v1");
}

use v1::estimator_service_client::EstimatorServiceClient;
use v1::profiler_service_client::ProfilerServiceClient;
use v1::{EstimateQuery, EstimateRequest, ExecutionRecord, Outcome, Resources, TaskKey, UpdateProfileRequest};

fn target(variable: &str, otherwise: &str) -> String {
    format!("http://{}", std::env::var(variable).unwrap_or_else(|_| otherwise.into()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut profiler = ProfilerServiceClient::connect(target("FORESIZE_PROFILER", "127.0.0.1:7070")).await?;
    let mut estimator = EstimatorServiceClient::connect(target("FORESIZE_ESTIMATOR", "127.0.0.1:7071")).await?;
    let task = TaskKey { task: "rust".into(), ..Default::default() };

    let run = ExecutionRecord {
        execution_id: format!("rust-{}", std::process::id()),
        task: Some(task.clone()),
        features: [("input_bytes".into(), 2.5e6)].into(),
        used: Some(Resources { memory_bytes: Some(181e6), duration_ms: Some(1240.0), ..Default::default() }),
        outcome: Outcome::Succeeded.into(),
        ..Default::default()
    };
    let stored = profiler.update_profile(UpdateProfileRequest { executions: vec![run] }).await?;
    println!("stored {}", stored.into_inner().folded);

    let query = EstimateQuery {
        task: Some(task),
        features: [("input_bytes".into(), 3e6)].into(),
        requested: Some(Resources { memory_bytes: Some(1e9), ..Default::default() }),
        ..Default::default()
    };
    let answer = estimator.estimate(EstimateRequest { query: Some(query) }).await?.into_inner();
    let memory_bytes = answer.estimate.and_then(|it| it.resources).and_then(|it| it.memory_bytes);
    println!("give it {:.0} MB", memory_bytes.unwrap_or_default() / 1e6);
    Ok(())
}
