// SPDX-License-Identifier: MIT
// The page of one gateway: its traces, newest first, and one of them in short.
"use strict";

const at = (id) => document.getElementById(id);
const rows = document.querySelector("#traces tbody");
let key = sessionStorage.getItem("prt-key") || document.querySelector("meta[name=prt-key]").content;
let next = null;
let shown = null;  // the trace that was asked for last
let lists = 0;     // how many were asked for

// Text goes in as text, never as markup: much of it was written by strangers.
function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function say(text) {
  at("message").textContent = text || "";
  at("message").hidden = !text;
}

async function ask(path) {
  const answer = await fetch(path, { headers: { Authorization: "Bearer " + key } });
  const body = await answer.json();
  if (!answer.ok) {
    const wrong = new Error(body.detail || body.title || answer.statusText);
    wrong.status = answer.status;
    throw wrong;
  }
  return body;
}

const when = (seconds) => seconds ? new Date(seconds * 1000).toLocaleString() : "";
const score = (value) => typeof value === "number" ? value.toFixed(1) : "–";

function tests(passed, status) {
  if (passed === true) return element("td", "passed", "good");
  if (passed === false) return element("td", status && status !== "failed" ? status : "failed", "bad");
  return element("td", status ? status.replace(/_/g, " ") : "–", "quiet");
}

function row(trace) {
  const made = element("tr");
  const task = element("td", trace.task_title || trace.task_id || "not opened yet");
  if (trace.participant_id) task.append(element("div", trace.participant_id, "quiet"));
  const status = element("td", trace.status, trace.status === "finalized" ? "good" : "wait");
  made.append(task, element("td", trace.trace_id.replace(/^trace-/, "").slice(0, 12), "id"),
    element("td", when(trace.created_at)), element("td", trace.num_events, "number"), status,
    tests(trace.tests_passed, trace.qa_status), element("td", score(trace.overall), "number"));
  made.tabIndex = 0;
  made.onclick = () => show(trace.trace_id, made);
  made.onkeydown = (event) => { if (event.key === "Enter") made.onclick(); };
  return made;
}

async function list(more) {
  const mine = ++lists;
  const wanted = new URLSearchParams(new FormData(at("filters")));
  for (const [name, value] of [...wanted]) if (!value) wanted.delete(name);
  if (more && next) wanted.set("cursor", next);
  try {
    const page = await ask("/v1/traces?" + wanted);
    if (mine !== lists) return;  // something else was asked for meanwhile
    if (!more) rows.replaceChildren();
    rows.append(...page.traces.map(row));
    if (!rows.children.length) {
      const none = element("td", "No traces here yet. prt submit examples/one_line_fix sends one.", "quiet");
      none.colSpan = 7;
      rows.append(element("tr"));
      rows.lastChild.append(none);
    }
    next = page.next;
    at("more").hidden = !next;
    at("traces").hidden = at("filters").hidden = at("forget").hidden = false;
    at("key-form").hidden = true;
    sessionStorage.setItem("prt-key", key);
    say("");
  } catch (wrong) {
    if (mine !== lists) return;
    if (wrong.status === 401 || wrong.status === 403) forget();
    say(wrong.message);
  }
}

function fact(list, name, ...what) {
  const value = element("dd");
  value.append(...what);
  list.append(element("dt", name), value);
}

const words = (name) => String(name).replace(/_/g, " ");
const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : thing.endsWith("sh") ? "es" : "s"}`;

function replayed(replay) {
  const made = `${count(replay.edits_applied, "edit")}, ${count(replay.hashes_verified, "hash")} verified`;
  if (replay.replayable) return element("span", `yes: ${made}`, "good");
  const first = replay.first_divergence;
  if (!first) return element("span", `can't be said: ${words(replay.reason)}`, "quiet");
  const where = "seq" in first ? ` at seq ${first.seq}` : "";
  return element("span", `no: ${words(first.reason)}${where}${first.file ? " in " + first.file : ""}, after ${made}`, "bad");
}

function claimed(claim) {
  const counts = (run) => `${run.passed} passed, ${run.failed} failed`;
  if (!claim.observed) return element("span", `said ${counts(claim.claimed)}; not run again: ${words(claim.reason)}`, "quiet");
  const said = claim.agrees ? counts(claim.claimed) + ", here as well" : `said ${counts(claim.claimed)}; here ${counts(claim.observed)}`;
  return element("span", said, claim.agrees ? "good" : "bad");
}

function counted(qa, name) {
  return qa.tests ? qa.tests[name].length + ((qa.tests.omitted || {})[name] || 0) : 0;
}

function tested(qa) {
  const before = (count) => count ? `, ${count} of them not before` : "";
  const why = qa.reason && qa.reason !== "tests_failed" ? ` (${words(qa.reason)})` : "";
  const passed = `${qa.num_passed} passed${before(counted(qa, "fail_to_pass"))}`;
  const failed = `${qa.num_failed} failed${before(counted(qa, "pass_to_fail"))}`;
  return element("span", `${words(qa.status)}${why}: ${passed}, ${failed}`,
    qa.status === "passed" ? "good" : qa.tests_passed === null ? "quiet" : "bad");
}

function scores(list, judge) {
  const scored = judge.status === "scored";
  fact(list, "judge", judge.model || "", scored ? "" : element("span", ` ${words(judge.status)}: ${judge.reason || ""}`, "quiet"));
  if (judge.flags && judge.flags.length) fact(list, "flags", judge.flags.map(words).join(", "));
  for (const [name, value] of Object.entries(judge.scores || {})) {
    if (typeof value !== "number") continue;
    const bar = element("meter");
    bar.min = 0; bar.max = 5; bar.value = value;
    fact(list, name.replace(/_/g, " "), bar, score(value));
  }
  if (judge.feedback_summary) fact(list, "the judge says", judge.feedback_summary);
}

async function show(id, chosen) {
  const box = at("trace");
  shown = id;
  for (const other of rows.children) other.classList.toggle("chosen", other === chosen);
  box.replaceChildren(element("p", "Reading " + id, "quiet"));
  box.hidden = false;
  history.replaceState(null, "", "#" + id);  // a link to this trace
  try {
    const doc = await ask("/v1/traces/" + encodeURIComponent(id));
    if (shown !== id) return;  // another one was chosen meanwhile
    const facts = element("dl");
    box.replaceChildren(element("h2", doc.task ? doc.task.title : id), element("div", id, "id"), facts);
    if (doc.message) fact(facts, "status", doc.status + ": " + doc.message);
    if (doc.repo) fact(facts, "repository", doc.repo.origin);
    fact(facts, "events", String(doc.metrics ? doc.metrics.num_events : doc.num_events));
    const qa = doc.qa && doc.qa.validation;
    if (qa) fact(facts, "tests", tested(qa));
    if (qa && qa.replay) fact(facts, "replay", replayed(qa.replay));
    for (const claim of (qa && qa.claims) || []) fact(facts, `test run at seq ${claim.seq}`, claimed(claim));
    if (doc.qa && doc.qa.judge) scores(facts, doc.qa.judge);
    if (doc.integrity) fact(facts, "chain head", element("span", doc.integrity.event_hash_chain, "id"));
    box.scrollIntoView({ block: "nearest" });  // it stands below the last trace
  } catch (wrong) {
    if (shown === id) box.replaceChildren(element("p", wrong.message, "bad"));
  }
}

function forget() {
  sessionStorage.removeItem("prt-key");
  key = "";
  rows.replaceChildren();
  for (const id of ["traces", "filters", "forget", "more", "trace"]) at(id).hidden = true;
  at("key-form").hidden = false;
}

async function ready() {
  const answer = await fetch("/readyz").then((got) => got.json()).catch(() => null);
  const down = answer ? ["stream", "store", "blob"].filter((name) => answer[name] !== "ok") : ["gateway"];
  at("ready").textContent = down.length ? "down: " + down.join(", ") : "all parts answer";
  at("ready").className = down.length ? "bad" : "quiet";
}

at("key-form").onsubmit = (event) => { event.preventDefault(); key = at("key").value.trim(); list(false); };
at("filters").onchange = () => list(false);
at("filters").onsubmit = (event) => { event.preventDefault(); list(false); };
at("more").onclick = () => list(true);
at("forget").onclick = () => { forget(); say(""); };
ready();
if (key) list(false).then(() => key && location.hash && show(decodeURIComponent(location.hash.slice(1)))); else at("key-form").hidden = false;
