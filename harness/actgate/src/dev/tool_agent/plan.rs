//! What a question makes an agent do; it stands where a model would.
//!
//! Guaranteed: each agent knows the calls of its own back end and no others.

use serde_json::{Value, json};

use crate::dev::mcp_server::tools::{FETCH_CONTRACT_PDF, GET_PAYMENT_HISTORY, QUERY_KNOWLEDGE_BASE};
use crate::dev::workflow_gateway::{CREATE_EXPENSE_CLAIM, EXPENSE_CLAIMS, INCIDENTS, READ_INCIDENTS};

/// What an agent is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Asks the knowledge base. A document id in the question means "fetch it", anything else is a query.
    Knowledge,
    /// Looks payments up. The customer is the first capitalised word but the one that begins the question.
    Crm,
    /// Reads tickets, and files an expense claim where the question names an amount in euros.
    Workflow,
}

/// One call of a back end.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// An MCP tool.
    Tool {
        /// Its name.
        name: &'static str,
        /// Its arguments.
        arguments: Value,
    },
    /// A REST operation.
    Operation {
        /// Its `operationId`.
        name: &'static str,
        /// Its method.
        method: &'static str,
        /// What follows the back end's own path.
        path: String,
        /// Its body, where it has one.
        body: Option<Value>,
    },
}

impl Duty {
    /// The call that answers the question, on behalf of this human.
    pub fn plan(self, question: &str, human: &str) -> Call {
        match self {
            Self::Knowledge => {
                let mut words = question.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
                match words.find(|word| is_document_id(word)) {
                    Some(id) => tool(FETCH_CONTRACT_PDF, json!({ "document_id": id })),
                    None => tool(QUERY_KNOWLEDGE_BASE, json!({ "query": question })),
                }
            }
            Self::Crm => {
                let mut words = question.split(|letter: char| !letter.is_ascii_alphanumeric()).skip(1);
                let customer = words.find(|word| word.starts_with(|letter: char| letter.is_ascii_uppercase()));
                tool(GET_PAYMENT_HISTORY, json!({ "customer": customer.unwrap_or_default() }))
            }
            Self::Workflow => match amount(question) {
                Some(amount) => Call::Operation {
                    name: CREATE_EXPENSE_CLAIM,
                    method: "POST",
                    path: EXPENSE_CLAIMS.to_owned(),
                    body: Some(json!({ "employee": human, "amount": amount, "reason": question })),
                },
                None => Call::Operation {
                    name: READ_INCIDENTS,
                    method: "GET",
                    path: format!("{INCIDENTS}?limit=5&state=open"),
                    body: None,
                },
            },
        }
    }
}

fn tool(name: &'static str, arguments: Value) -> Call {
    Call::Tool { name, arguments }
}

/// Contracts are numbered like MSA-2041.
fn is_document_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(kind, number)| {
        kind == "MSA" && number.len() == 4 && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// The number before the word "euros".
fn amount(question: &str) -> Option<u64> {
    let words: Vec<&str> = question.split_whitespace().collect();
    let mut pairs = words.windows(2);
    pairs.find_map(|pair| if pair.get(1)?.starts_with("euros") { pair.first()?.parse().ok() } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_id_means_fetch_and_anything_else_is_a_query() {
        let plan = |question| Duty::Knowledge.plan(question, "h");
        let question = "When does the contract with Northwind renew?";
        assert_eq!(plan(question), tool(QUERY_KNOWLEDGE_BASE, json!({ "query": question })));
        assert_eq!(plan("Show me MSA-2041, please."), tool(FETCH_CONTRACT_PDF, json!({ "document_id": "MSA-2041" })));
        let question = "Is MSA-20 short?";
        assert_eq!(plan(question), tool(QUERY_KNOWLEDGE_BASE, json!({ "query": question })));
    }

    #[test]
    fn the_others_read_a_customer_and_an_amount() {
        let plan = Duty::Crm.plan("Has Northwind paid its invoices?", "h");
        assert_eq!(plan, tool(GET_PAYMENT_HISTORY, json!({ "customer": "Northwind" })));
        let Call::Operation { name, body, .. } = Duty::Workflow.plan("Claim 42 euros for a taxi.", "h") else {
            panic!("an operation")
        };
        assert_eq!(name, CREATE_EXPENSE_CLAIM);
        let body = body.expect("it has a body");
        assert_eq!((&body["employee"], &body["amount"]), (&json!("h"), &json!(42)));
        let Call::Operation { name, body, .. } = Duty::Workflow.plan("Any incident tickets?", "h") else {
            panic!("an operation")
        };
        assert_eq!((name, body), (READ_INCIDENTS, None));
    }
}
