// Shows on the page what its style sheet, its WebSocket and its events did.
const say = (id, text) => (document.getElementById(id).textContent += text);

say("style", getComputedStyle(document.body).backgroundColor);

const socket = new WebSocket(`wss://${location.host}/socket`);
socket.onopen = () => socket.send("hello");
socket.onmessage = ({ data }) => say("socket", data);

const events = new EventSource("events");
events.onmessage = ({ data }) => say("events", data);
events.onerror = () => events.close();
