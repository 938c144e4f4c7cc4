//! A person who is asked while a host connects.
use tokio::sync::mpsc;
use vmdeck::{
    backend::Backend,
    domain::{Capabilities, HostEvent, QuestionKind, Result, Secret},
};

/// Connects, and answers what is asked, which is of this kind; the texts of the questions.
pub(crate) async fn answering(
    host: &impl Backend,
    kind: QuestionKind,
    answer: &str,
) -> (Result<Capabilities>, Vec<String>) {
    let (sink, mut events) = mpsc::channel(8);
    let mut asked = Vec::new();
    let connecting = host.connect(sink);
    tokio::pin!(connecting);
    loop {
        tokio::select! {
            result = &mut connecting => return (result, asked),
            Some(HostEvent::Asks(question)) = events.recv() => {
                assert_eq!(question.kind, kind);
                asked.push(question.text);
                host.answer(question.number, Some(Secret::new(answer.to_owned()))).await;
            }
        }
    }
}

/// Connects, and gives these answers to what secrets are asked for, one after the other, and then none; the texts of the
/// questions.
pub(crate) async fn in_turn(host: &impl Backend, answers: &[&str]) -> (Result<Capabilities>, Vec<String>) {
    let (sink, mut events) = mpsc::channel(8);
    let (mut asked, mut answers) = (Vec::new(), answers.iter());
    let connecting = host.connect(sink);
    tokio::pin!(connecting);
    loop {
        tokio::select! {
            result = &mut connecting => return (result, asked),
            Some(HostEvent::Asks(question)) = events.recv() => {
                assert_eq!(question.kind, QuestionKind::Secret, "{question:?}");
                asked.push(question.text);
                let answer = answers.next().map(|answer| Secret::new((*answer).to_owned()));
                host.answer(question.number, answer).await;
            }
        }
    }
}
