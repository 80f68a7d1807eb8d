//! `decnet api`: the API, in a process of its own or inside `decnet up`.

use std::net::SocketAddr;
use std::sync::Arc;

use ::api::{Api, Decided, Judge, Listening, Standing, Token};
use detect::News;
use runtime::Crew;
use store::{Action, Decision, LOCAL, Store};
use workers::{Desk, Teller};

use crate::args;
use crate::context::Context;
use crate::crew;
use crate::detection;
use crate::exit::{Code, Coded as _, Result};

/// The file that holds the token, in the state folder.
const TOKEN: &str = "api-token";

pub async fn api(cx: &Context, asked: &args::Api) -> Result {
    let store = cx.store().await?;
    let bus = crew::bus(cx, "api").await?;
    let mut crew = Crew::new(bus.clone(), LOCAL);
    let address = SocketAddr::new(asked.host, asked.port);
    serve(cx, &mut crew, &store, address, &asked.engine).await?;
    crew::run(cx, "api", crew, bus).await
}

/// Listens, then serves for as long as the crew works.
pub async fn serve(cx: &Context, crew: &mut Crew, store: &Store, on: SocketAddr, engine: &args::Engine) -> Result {
    let setup = detection::setup(cx, engine)?;
    let detress = setup.config.compat_detress;
    let token = Token::at(&cx.state_dir().join(TOKEN)).or_exit(Code::Unreachable)?;
    let listening = Listening::on(on).await.or_exit(Code::Unreachable)?;
    let address = listening.address().or_exit(Code::Unreachable)?;
    let (on_error, client_time) = (setup.config.check_on_error, setup.config.check_client_time);
    let judge = Arc::new(Judge::new(setup));
    let api = Arc::new(Api {
        judge: judge.clone(),
        token,
        on_error,
        client_time,
        detress,
    });
    let cancel = crew.token();
    tokio::spawn(async move {
        if let Err(error) = listening.serve(api, cancel).await {
            tracing::error!(%error, "the API ended");
        }
    });
    let store = store.clone();
    crew.worker(move || Teller::new(store.clone(), ApiDesk(judge.clone())));
    let token = cx.state_dir().join(TOKEN);
    cx.out.note(&format!(
        "the API is at http://{address}/api/v1, its token in {}",
        token.display()
    ));
    Ok(())
}

/// The engine behind the routes, as the teller asks it.
struct ApiDesk(Arc<Judge>);

/// Who decides what agents' calls are answered with.
const BY: &str = "check";
const AGENT: &str = "agent";

// === impl ApiDesk ===

impl Desk for ApiDesk {
    fn news(&self) -> News {
        self.0.news()
    }

    fn decided(&self) -> Vec<Decision> {
        self.0.decided().into_iter().map(noted).collect()
    }

    fn stand(&self, standing: Vec<Decision>) {
        let about_agents = standing
            .into_iter()
            .filter(|decision| decision.scope == AGENT && !decision.simulated);
        let standing = about_agents.filter_map(|decision| {
            let standing = Standing {
                decision: match decision.action {
                    Action::Allow => detect::Decision::Allow,
                    Action::Flag => detect::Decision::Flag,
                    Action::Block => detect::Decision::Block,
                    Action::Shunt => return None,
                },
                reason: decision.reason,
            };
            Some((decision.value, standing))
        });
        self.0.stand(standing.collect());
    }
}

/// A call's decision is about that call: it is over at once, and stands about nobody.
fn noted(decided: Decided) -> Decision {
    Decision {
        id: decided.check,
        at: decided.at,
        scope: AGENT.to_owned(),
        value: decided.agent,
        action: match decided.decision {
            detect::Decision::Allow => Action::Allow,
            detect::Decision::Flag => Action::Flag,
            detect::Decision::Block => Action::Block,
        },
        reason: format!("{}: {}", decided.tool, decided.reason),
        rule: decided.rule,
        finding: None,
        until: Some(decided.at),
        by: BY.to_owned(),
        simulated: false,
        released_at: None,
    }
}
