// What a program with imapflow that keeps a copy does (QRESYNC, ESEARCH, PARTIAL,
// object ids, parts by BINARY, quota); prints what it saw as JSON.
// Environment: PORT, CERT, LOGIN, PASSWORD, FOLDER, LETTER.
"use strict";
const fs = require("node:fs");
const { ImapFlow } = require("imapflow");

const { PORT, CERT, LOGIN, PASSWORD, FOLDER, LETTER } = process.env;
const letter = fs.readFileSync(LETTER);
const MAILBOXES = { messages: true, unseen: true, highestModseq: true };

function newClient(more = {}) {
  return new ImapFlow({
    host: "localhost",
    port: Number(PORT),
    secure: true,
    auth: { user: LOGIN, pass: PASSWORD },
    tls: { ca: fs.readFileSync(CERT) },
    logger: false,
    ...more,
  });
}

async function all(generator) {
  const found = [];
  for await (const one of generator) found.push(one);
  return found;
}

async function main() {
  const seen = { gone: [], flags: [] };
  const client = newClient({ qresync: true });
  client.on("expunge", (told) => seen.gone.push([told.uid, told.vanished, Boolean(told.earlier)]));
  client.on("flags", (told) => seen.flags.push([told.uid, [...told.flags].sort()]));
  await client.connect();
  seen.enabled = [...client.enabled].sort();

  await client.mailboxCreate(FOLDER);
  for (let n = 0; n < 6; n += 1) await client.append(FOLDER, letter, n % 2 ? ["\\Seen"] : []);
  const known = await client.mailboxOpen(FOLDER);
  const { uidValidity, highestModseq } = known;
  await client.mailboxClose();

  // meanwhile another program
  const other = newClient();
  await other.connect();
  await other.mailboxOpen(FOLDER);
  await other.messageFlagsAdd("2", ["\\Answered", "$Work"], { uid: true });
  await other.messageFlagsRemove("4", ["\\Seen"], { uid: true });
  await other.messageFlagsSet("6", ["\\Flagged"], { uid: true });
  await other.messageDelete("1,5", { uid: true });
  await other.append(FOLDER, letter, ["\\Draft"]);

  const again = await client.mailboxOpen(FOLDER, {
    changedSince: highestModseq.toString(),
    uidValidity,
  });
  seen.resynced = again.qresync;
  seen.exists = again.exists;
  seen.later = again.highestModseq > highestModseq;
  seen.early = seen.gone.splice(0);
  seen.caught_up = seen.flags.splice(0);
  const changed = await all(
    client.fetch("1:*", { flags: true }, { uid: true, changedSince: highestModseq }),
  );
  seen.changed = changed.map((one) => one.uid);
  seen.told_again = seen.gone.splice(0);

  // while both have it open
  await other.messageDelete("4", { uid: true });
  await client.noop();
  seen.vanished = seen.gone.splice(0);
  seen.left = client.mailbox.exists;

  // what it looks for
  seen.esearch = await client.search(
    { all: true },
    { uid: true, returnOptions: ["min", "max", "count", "all"] },
  );
  seen.page = await client.search(
    { all: true },
    { uid: true, returnOptions: [{ partial: "-1:-2" }] },
  );
  seen.either = await client.search({ or: [{ flagged: true }, { draft: true }] }, { uid: true });
  seen.keyword = await client.search({ keyword: "$Work" }, { uid: true });
  seen.big = await client.search({ larger: 10, header: { "message-id": "token" } }, { uid: true });

  // names that stay
  const two = await client.fetchOne("2", { threadId: true, envelope: true }, { uid: true });
  await client.mailboxCreate("Archive/2026");
  const copied = await client.messageCopy("2,3", "Archive/2026", { uid: true });
  seen.copied = [...copied.uidMap];
  seen.by_id = await client.search({ emailId: two.emailId }, { uid: true });
  seen.by_thread = (await client.search({ threadId: two.threadId }, { uid: true })).length;

  // parts
  const { content, meta } = await client.download("3", "2", { uid: true });
  seen.attached = Buffer.concat(await all(content)).toString("hex");
  seen.filename = meta.filename;
  const many = await client.downloadMany("3", ["1", "2"], { uid: true });
  seen.text = many["1"].content.toString();
  const piece = await client.fetchOne(
    "3",
    { source: { start: 10, maxLength: 20 }, headers: ["subject"], internalDate: true },
    { uid: true },
  );
  seen.piece = piece.source.equals(letter.subarray(10, 30));
  seen.header = piece.headers.toString();

  seen.seen_id = two.emailId;
  await client.mailboxClose();
  await client.mailboxOpen("Archive/2026");
  const there = await all(client.fetch("1:*", { threadId: true }));
  seen.same_ids = there[0].emailId === two.emailId && there[0].threadId === two.threadId;

  // all mailboxes with their numbers in one command; which are subscribed
  await client.mailboxSubscribe(FOLDER);
  const listed = await client.list({ statusQuery: MAILBOXES });
  const box = listed.find((one) => one.path === FOLDER);
  seen.status = [box.status.messages, box.status.unseen, box.subscribed, box.delimiter];
  await client.mailboxUnsubscribe(FOLDER);
  seen.unsubscribed = !(await client.list()).find((one) => one.path === FOLDER).subscribed;
  seen.quota = await client.getQuota(FOLDER);
  seen.namespace = client.namespace;

  await other.logout();
  await client.logout();
  const plain = (_, value) => (typeof value === "bigint" ? Number(value) : value);
  process.stdout.write(`${JSON.stringify(seen, plain)}\n`);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
