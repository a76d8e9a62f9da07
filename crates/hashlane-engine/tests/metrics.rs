//! What the engine counts. In a process of its own, since a recorder is for a whole process.

use std::sync::Arc;

use hashlane_engine::{BucketConfig, Engine, EngineOptions, HashRequest};
use hashlane_job::{BucketName, ObjectRef};
use hashlane_lanes::Algorithm;

#[test]
fn hashed_bytes_are_counted_for_each_algorithm_before_the_digest_is_told() {
    let recorder =
        metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().expect("the first recorder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let name = BucketName::parse("photos-1").expect("a name");
        let bucket = BucketConfig { name: name.clone(), region: String::new(), storage: "memory://".into() };
        let engine = Engine::start(EngineOptions::default(), vec![bucket]).expect("started");
        let object = ObjectRef { bucket: name, key: "a".into() };
        engine.put(&object, vec![7; 100_000].into()).await.expect("stored");
        for algorithms in [vec![Algorithm::Md5, Algorithm::Sha256], vec![Algorithm::Md5]] {
            let request =
                HashRequest { object: object.clone(), algorithms, checkpoint: None, progress: Arc::default() };
            engine.hash(request).await.expect("hashed");
        }
        let text = recorder.render();
        assert!(text.contains("hashlane_hashed_bytes_total{algorithm=\"md5\"} 200000"), "{text}");
        assert!(text.contains("hashlane_hashed_bytes_total{algorithm=\"sha256\"} 100000"), "{text}");
        engine.stop().await;
        let text = recorder.render();
        assert!(text.contains("hashlane_lanes_busy 0"), "{text}");
    });
}
