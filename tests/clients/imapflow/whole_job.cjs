// What a program with imapflow does with a mailbox; prints what it saw as JSON.
// Environment: PORT, TLS (implicit or starttls), CERT, LOGIN, PASSWORD, FOLDER, LETTER.
"use strict";
const fs = require("node:fs");
const { ImapFlow } = require("imapflow");

const { PORT, TLS, CERT, LOGIN, PASSWORD, FOLDER, LETTER } = process.env;
const letter = fs.readFileSync(LETTER);

function newClient() {
  return new ImapFlow({
    host: "localhost",
    port: Number(PORT),
    secure: TLS === "implicit",
    doSTARTTLS: TLS === "starttls" ? true : undefined,
    auth: { user: LOGIN, pass: PASSWORD },
    tls: { ca: fs.readFileSync(CERT) },
    logger: false,
  });
}

async function all(generator) {
  const found = [];
  for await (const one of generator) found.push(one);
  return found;
}

function heard(client, event) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${event}`)), 15000);
    client.once(event, (told) => {
      clearTimeout(late);
      resolve(told);
    });
  });
}

async function main() {
  const client = newClient();
  const seen = {};
  await client.connect();
  seen.secure = client.secureConnection;
  seen.compressed = Boolean(client._inflate);
  seen.capabilities = [...client.capabilities.keys()];

  seen.created = await client.mailboxCreate(FOLDER);
  seen.folders = (await client.list()).map((box) => [box.path, box.specialUse ?? ""]);
  const stored = await client.append(FOLDER, letter, ["\\Flagged", "$Work"]);
  await client.append(FOLDER, letter);
  await client.append(FOLDER, letter);
  seen.stored = stored.uid;
  seen.status = await client.status(FOLDER, { messages: true, unseen: true, uidNext: true });
  seen.quota = Boolean(await client.getQuota(FOLDER));

  const lock = await client.getMailboxLock(FOLDER);
  try {
    const one = await client.fetchOne(
      stored.uid,
      { source: true, flags: true, envelope: true, bodyStructure: true, size: true },
      { uid: true },
    );
    seen.same = one.source.equals(letter);
    seen.size = one.size;
    seen.flags = [...one.flags].sort();
    seen.subject = one.envelope.subject;
    seen.type = one.bodyStructure.type;
    const { content } = await client.download(stored.uid, "1", { uid: true });
    const pieces = await all(content);
    seen.text = Buffer.concat(pieces).toString();

    const before = client.mailbox.highestModseq;
    seen.flagged = await client.messageFlagsAdd("2", ["\\Answered"]);
    const changed = await all(client.fetch("1:*", { flags: true }, { changedSince: before }));
    seen.changed = changed.map((m) => [m.seq, [...m.flags].sort(), m.modseq > before]);
    seen.answered = await client.search({ answered: true }, { uid: true });
    seen.text_found = await client.search({ body: "편지입니다" }, { uid: true });
    seen.nothing_found = await client.search({ body: "없는말" }, { uid: true });

    const moved = await client.messageMove("3", "INBOX");
    seen.moved = [...moved.uidMap];
    seen.removed = await client.messageDelete("2");
    seen.left = (await all(client.fetch("1:*", { uid: true }))).map((m) => m.uid);
  } finally {
    lock.release();
  }

  const inbox = await client.getMailboxLock("INBOX");
  const other = newClient();
  try {
    const idling = client.idle();
    await other.connect();
    const exists = heard(client, "exists");
    await other.append("INBOX", letter);
    seen.exists = (await exists).count;
    await other.mailboxOpen("INBOX");
    const flags = heard(client, "flags");
    await other.messageFlagsAdd("1", ["\\Seen"]);
    seen.told_flags = [...(await flags).flags];
    const expunge = heard(client, "expunge");
    await other.messageDelete("1");
    seen.expunged = (await expunge).seq;
    await client.noop();
    await idling;
  } finally {
    inbox.release();
    await other.logout();
  }
  await client.mailboxRename(FOLDER, "보관함");
  seen.renamed = (await client.list()).map((box) => box.path);
  await client.mailboxDelete("보관함");
  seen.deleted = (await client.list()).map((box) => box.path);
  await client.logout();

  const stranger = newClient();
  stranger.options.auth.pass = "wrong";
  seen.refused = await stranger.connect().then(
    () => "nobody was refused",
    (error) => error.serverResponseCode,
  );
  process.stdout.write(`${JSON.stringify(seen, (_, v) => (typeof v === "bigint" ? Number(v) : v))}\n`);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
