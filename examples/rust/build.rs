//! Generates from the contract's files, in `proto/` beside this. Needs protoc, on the path or named by `PROTOC`.
fn main() -> std::io::Result<()> {
    let files = ["foresize/v1/profiler_service.proto", "foresize/v1/estimator_service.proto"];
    tonic_prost_build::configure().build_server(false).compile_protos(
        &files.map(|file| format!("proto/{file}")),
        &["proto".to_string()],
    )
}
