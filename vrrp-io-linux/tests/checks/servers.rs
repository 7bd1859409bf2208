//! Servers that say what a test tells them to.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// Serves each connection by `serve`.
pub(crate) async fn listen<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Reads the head of a request, and says `answer`, which may need it.
pub(crate) async fn answering(answer: impl Fn(&str) -> Vec<u8> + Clone + Send + 'static) -> SocketAddr {
    listen(move |stream| {
        let answer = answer.clone();
        async move { answer_one(stream, answer).await }
    })
    .await
}

async fn answer_one(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: impl Fn(&str) -> Vec<u8>) {
    let request = head(&mut stream).await;
    let _ = stream.write_all(&answer(&request)).await;
    let _ = stream.shutdown().await;
}

pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => request.push(octet),
            Err(_) => break,
        }
    }
    String::from_utf8(request).unwrap()
}

/// Answers over TLS.
pub(crate) async fn encrypted(config: Arc<ServerConfig>, answer: &'static str) -> SocketAddr {
    listen(move |stream| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer_one(stream, |_| answer.into()).await;
            }
        }
    })
    .await
}

/// Accepts, and says nothing for ever: a process that was stopped.
pub(crate) async fn silent() -> SocketAddr {
    listen(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await
}

/// Returns an address where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A name server that knows `www.example` to be 192.0.2.80, and says of others what `code` is; what `garbage` is it says to all.
pub(crate) async fn name_server(code: ResponseCode, garbage: Option<&'static [u8]>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
            let question = Message::from_vec(&buffer[..len]).unwrap();
            // A stray answer to somebody's earlier question comes first.
            let mut answer = Message::new();
            answer.set_message_type(MessageType::Response).add_queries(question.queries().to_vec());
            answer.set_id(question.id().wrapping_add(1)).set_response_code(ResponseCode::Refused);
            socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
            answer.set_id(question.id()).set_response_code(code);
            let name = question.queries()[0].name().clone();
            if name.to_string().to_lowercase() == "www.example." {
                answer.set_response_code(ResponseCode::NoError);
                answer.add_answer(Record::from_rdata(name, 60, RData::A(A::new(192, 0, 2, 80))));
            }
            let octets = match garbage {
                Some(garbage) => [&question.id().to_be_bytes(), garbage].concat(),
                None => answer.to_vec().unwrap(),
            };
            socket.send_to(&octets, from).await.unwrap();
        }
    });
    address
}
