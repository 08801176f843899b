#!/usr/bin/env node
// The feed in JavaScript with npm's zeromq alone: a line for each estimate, lost ones fetched.
// In this folder: npm ci, then node bridge_node.mjs [FEED [QUERY]]
// It hears all topics, so that a jump of seq is a loss, and begins with what it hears first. What
// it missed, over a restart of the daemon, too, comes from the history. Not to be had is what has
// left that, which stderr is told, and what a killed daemon sent last, if it had not arrived (0.2 s).
import { Request, Subscriber } from "zeromq";

const FEED = process.argv[2] ?? "tcp://127.0.0.1:5560";
const QUERY = process.argv[3] ?? "tcp://127.0.0.1:5561";
const feed = new Subscriber();
feed.connect(FEED);
feed.subscribe("");
let daemon; // the socket for questions
const done = new Map(); // each session, and the number up to which its estimates are printed

// The answer; asked for again where none comes in 3 s, or later where we ask too often.
async function ask(request) {
  for (;;) {
    if (!daemon) (daemon = new Request({ receiveTimeout: 3000, linger: 0 })).connect(QUERY);
    let answer;
    try {
      await daemon.send(JSON.stringify(request));
      answer = JSON.parse((await daemon.receive())[0]);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      daemon.close(); // the daemon may have ended; this socket would wait for ever
      daemon = undefined;
      console.error(`no answer from ${QUERY}, asking again`);
      continue;
    }
    if (!answer.error) return answer;
    if (answer.error.code !== "too-many") throw new Error(answer.error.message);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

// Print an estimate, once.
function take(topic, body) {
  if (body.seq <= (done.get(body.session) ?? 0)) return; // it was fetched
  done.set(body.session, body.seq);
  if (topic.startsWith("magnitude.")) console.log(topic, body.window_end, body.magnitude.toFixed(2));
}

// Take all that lies behind a number, and all of later sessions.
async function fetchBehind(session, seq) {
  for (let more = true; more; ) {
    const page = await ask({ request: "since", session, seq, topics: ["magnitude."] });
    if (page.gone) console.error(`some behind ${seq} of session ${session} are lost`);
    for (const { topic, body } of page.messages) take(topic, body);
    ({ more, next: { session, seq } } = page);
    done.set(session, Math.max(seq, done.get(session) ?? 0));
  }
}

for await (const [topicFrame, raw] of feed) {
  const body = JSON.parse(raw);
  if (done.size && body.seq > (done.get(body.session) ?? -1) + 1) { // missed some, or a new session
    await fetchBehind(...[...done].at(-1));
  }
  take(topicFrame.toString(), body);
}
