//! Stands for the development world where that cannot run: its issuers repeat what was recorded, and insist on being asked the same.
//!
//! The gateway of the vectors is compiled against this instead, unchanged; so only the names it uses are here.

/// What upstreams said.
#[path = "../../support/answer.rs"]
pub mod answer;
/// What was recorded.
#[path = "../../support/recording.rs"]
pub mod recording;

/// The names of the development world.
pub mod dev {
    /// Reading tokens.
    pub mod mint {
        /// Replaying needs no claims.
        pub fn claims_of(_token: &str) -> serde_json::Value {
            serde_json::Value::Null
        }
    }

    /// Issuers.
    pub mod issuer {
        /// Messages.
        pub mod http {
            /// A time.
            #[derive(Debug, Clone, Copy)]
            pub struct UnixSeconds(pub u64);

            /// An answer.
            #[derive(Debug, Clone)]
            pub struct HttpResponse {
                /// Status.
                pub status: u16,
                /// Headers.
                pub headers: Vec<(String, String)>,
                /// Body.
                pub body: Vec<u8>,
                /// How late it comes.
                pub delay_ms: u64,
            }

            impl HttpResponse {
                /// One header.
                pub fn header(&self, name: &str) -> Option<&str> {
                    let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
                    self.headers.iter().find(named).map(|(_, value)| value.as_str())
                }
            }
        }

        /// All of them.
        pub mod set {
            use std::collections::VecDeque;

            use super::http::{HttpResponse, UnixSeconds};
            use crate::recording::{Call, unhex, without_salt};

            /// Says again what was recorded.
            #[derive(Debug, Clone)]
            pub struct IssuerSet(pub VecDeque<Call>);

            /// What a misbehaving issuer was told is in its answers.
            #[derive(Debug)]
            pub struct Issuer;

            impl Issuer {
                /// Nothing to do.
                pub fn misbehave(&mut self, _word: String) {}

                /// Nothing to do.
                pub fn behave(&mut self) {}
            }

            impl IssuerSet {
                /// The recorded answer to a call that must be the recorded one.
                pub fn answer(
                    &mut self,
                    cluster: &str,
                    _method: &str,
                    _path: &str,
                    headers: &[(String, String)],
                    body: &[u8],
                    _now: UnixSeconds,
                ) -> Option<HttpResponse> {
                    let call = self.0.pop_front().expect("no further call was recorded");
                    let (asked, wanted) = (without_salt(headers), without_salt(&call.headers));
                    assert_eq!((cluster, asked), (call.cluster.as_str(), wanted), "another call");
                    assert_eq!(String::from_utf8_lossy(body), call.body, "another call");
                    let answer = call.answer?;
                    let body = unhex(&answer.body);
                    Some(HttpResponse {
                        status: answer.status,
                        headers: answer.headers,
                        body,
                        delay_ms: answer.delay_ms,
                    })
                }

                /// None is there.
                pub fn get_mut(&mut self, _name: &str) -> Option<&mut Issuer> {
                    None
                }
            }
        }
    }

    /// The world.
    pub mod world {
        use super::issuer::set::IssuerSet;
        use crate::recording::Recording;

        /// What was recorded of it.
        #[derive(Debug, Clone, Default)]
        pub struct World(pub Recording);

        impl World {
            /// The VM's environment.
            pub fn environment(&self) -> Vec<(String, String)> {
                self.0.environment.clone()
            }

            /// Its issuers.
            pub fn issuer_set(&self) -> IssuerSet {
                IssuerSet(self.0.calls.iter().cloned().collect())
            }
        }
    }
}
