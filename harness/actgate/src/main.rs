//! The command line of actgate.

use std::path::PathBuf;
use std::process::ExitCode;

use actgate::dev::issuer::server;
use actgate::dev::world::World;

const USAGE: &str = "\
usage: actgate dev <idp|ras-knowledge|ras-auroradb> --world FILE [--break WORD]...
";

/// The usual exit status for a command line that makes no sense.
const USAGE_STATUS: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["dev", name, options @ ..] => {
            Options::parse(options).and_then(|options| dev(name, &options))
        }
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(USAGE_STATUS);
        }
    };
    outcome.map_or_else(
        |error| {
            eprintln!("actgate: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// `--world FILE`, and what an issuer shall do wrong from the start.
struct Options {
    world: PathBuf,
    breaks: Vec<String>,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self, Box<dyn std::error::Error>> {
        let (mut world, mut breaks) = (None, Vec::new());
        let mut words = words.iter();
        while let Some(option) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| format!("{option} needs a value"))?;
            match *option {
                "--world" => world = Some(PathBuf::from(value)),
                "--break" => breaks.push((*value).to_owned()),
                _ => return Err(format!("unknown option {option}").into()),
            }
        }
        Ok(Self {
            world: world.ok_or("--world FILE is missing")?,
            breaks,
        })
    }
}

/// One process of the development world; it runs until it is killed.
fn dev(name: &str, options: &Options) -> Outcome {
    let world = World::load(&options.world)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let (Some(mut issuer), Some(port)) = (world.issuer(name), world.issuer_port(name)) {
        for word in &options.breaks {
            issuer.misbehave(word.parse()?);
        }
        return Ok(runtime.block_on(server::listen(server::shared(issuer), port))?);
    }
    Err(format!("no process is called {name:?}").into())
}
