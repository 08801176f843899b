#!/usr/bin/env node
// The feed in JavaScript with npm's zeromq alone: a line for each estimate, lost ones fetched.
// In this folder: npm ci, then node bridge_node.mjs [FEED [QUERY]]
import { Request, Subscriber } from "zeromq";

const feed = new Subscriber();
const daemon = new Request();
feed.connect(process.argv[2] ?? "tcp://127.0.0.1:5560");
daemon.connect(process.argv[3] ?? "tcp://127.0.0.1:5561");
feed.subscribe("magnitude.");
const last = new Map(); // numbers of each topic's last message
for await (const [topicFrame, raw] of feed) {
  const topic = topicFrame.toString();
  const body = JSON.parse(raw);
  const key = `${topic} ${body.session}`;
  let { number, seq } = last.get(key) ?? { number: body.topic_seq - 1, seq: 0 };
  const bodies = [];
  while (body.topic_seq > number + 1 + bodies.length) { // a gap: ask for what lies behind
    const after = bodies.at(-1)?.seq ?? seq;
    await daemon.send(JSON.stringify({ request: "since", seq: after, topics: [topic] }));
    const answer = JSON.parse((await daemon.receive())[0]);
    const rows = answer.messages.filter((row) => row.topic === topic).map((row) => row.body);
    if (rows.length === 0) break; // it has left the daemon's history
    bodies.push(...rows);
  }
  for (const one of [...bodies, body]) {
    if (one.topic_seq <= number) continue;
    ({ topic_seq: number, seq } = one);
    console.log(topic, one.window_end, one.magnitude.toFixed(2));
  }
  last.set(key, { number, seq });
}
