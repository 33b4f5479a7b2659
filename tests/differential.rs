//! Every scenario in `tests/scenarios`, run in the emulated host and in a real Envoy: each as its file wants it, and both alike.
//!
//! The real one is what `ACTGATE_ENVOY` names, and the emulated one is given the profile of its version.

use std::path::{Path, PathBuf};

use actgate::envoy::{Binary, scenario};
use envoy_harness::scenario::Scenario;
use envoy_harness::{Module, profile};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn scenarios() -> Vec<(String, Scenario)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder("scenarios")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: PathBuf| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let scenario = Scenario::parse(&std::fs::read_to_string(&file).unwrap());
        (name.clone(), scenario.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    files.into_iter().map(read).collect()
}

fn module(name: &str) -> PathBuf {
    folder("../target/filters").join(format!("{name}.wasm"))
}

#[test]
fn scenarios_come_out_alike_in_the_emulated_and_in_a_real_envoy() {
    let binary = Binary::from_env().expect("ACTGATE_ENVOY names an Envoy: run `make test`");
    let version = binary.version().unwrap();
    let profile = profile::of(&version).unwrap_or_else(|| panic!("there is no profile of Envoy {version}"));
    let mut wrong = Vec::new();
    for (name, scenario) in scenarios() {
        let path = module(&scenario.module);
        let module = Module::load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let emulated = scenario.run(&module, profile.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let work = folder("../target/worlds").join(format!("scenario-{name}-{}", std::process::id()));
        let real = scenario::run(&scenario, &path, &binary, &work).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (host, run) in [(profile.name, &emulated), ("the real one", &real)] {
            if let Err(error) = scenario.check(run) {
                wrong.push(format!("{name} in {host}: {error}"));
            }
        }
        if emulated != real {
            wrong.push(format!("{name} differs: emulated {emulated:#?}\nreal {real:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
