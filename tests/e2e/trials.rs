//! What may come between: a second world beside that of the journey, in which the deployer is sent wrong things, killed and
//! interrupted, and in which API servers prove themselves by a token.

use std::path::Path;

use local_world::deploy::{Deployer, Function};
use local_world::kubernetes::Kubernetes;
use local_world::pods::NAMESPACE;
use local_world::root;
use local_world::supervisor::Supervised;

use crate::report::Report;
use crate::{killed, leftovers, person, token, wrong};

#[tokio::test(flavor = "multi_thread")]
async fn the_product_withstands_what_may_come_between() {
    let program = root::program("DEPLOYER", "deployer").unwrap();
    let function = Function::Artifact(root::program("FUNCTION", "bootstrap").unwrap());
    let mut world = Supervised::spawn(Path::new(env!("CARGO_BIN_EXE_world")), &leftovers::folder("trials")).unwrap();
    let addresses = world.ready().await.unwrap();
    let cluster = Kubernetes::connect(&addresses).await.unwrap();
    cluster.namespace(NAMESPACE).await.unwrap();
    let deployer = Deployer::new(program, env!("CARGO_BIN_EXE_world").into(), function, &addresses).unwrap();

    let mut report = Report::default();
    let first = async { deployer.deploy(false).await?.well("deploy").map(drop) };
    if report.scenario("trials: deploy", first).await {
        Box::pin(wrong::run(&addresses, &cluster, &deployer, &mut report)).await;
        Box::pin(person::run(&addresses, &cluster, &deployer, &mut report)).await;
        killed::rotating(&addresses, &cluster, &deployer, &mut report).await;
    }
    let gone = async { deployer.destroy(false).await?.well("destroy").map(drop) };
    report.scenario("trials: destroy", gone).await;
    Box::pin(token::run(&addresses, &cluster, &deployer, &mut report)).await;
    drop(cluster);
    let stopped = async {
        world.stop().await?;
        leftovers::await_nothing(&addresses).await
    };
    report.scenario("trials: no process, no port, no file is left", stopped).await;
    leftovers::sweep(&addresses.dir);
    report.conclude();
}
