// The script of the page that tries rules: the result follows what is typed, the draft is kept in this tab, problems
// stand at their lines, and a backtest shows its progress. Without it the page works by its buttons.
"use strict";
(() => {
  const { parse, say } = window.relayConsole;
  const byId = (id) => document.getElementById(id);
  const form = () => byId("try");
  const draft = () => form()?.elements.draft;
  let waits = 0, trying = null, polls = 0;

  // The draft of each rule and file is kept in this tab until the tab is closed, and sent nowhere but to be tried.
  const key = () => {
    const { kind, rule, file } = form().elements;
    return "draft " + (kind.value === "file" ? "file " + file.value : "rule " + rule.value);
  };

  function keep() {
    try { sessionStorage.setItem(key(), draft().value); } catch { /* there is no room */ }
  }

  // begin prepares a newly shown page.
  function begin() {
    clearTimeout(polls);
    if (!draft()) return;
    const kept = sessionStorage.getItem(key());
    if (kept !== null && kept !== draft().value) {
      draft().value = kept;
      byId("kept").hidden = false;
      tryIt();
    }
    draft().onscroll = () => (byId("gutter").scrollTop = draft().scrollTop);
    number();
    poll();
  }

  // number writes the numbers of the lines, with a mark where a problem is.
  function number() {
    if (!draft()) return;
    const marks = {};
    for (const p of document.querySelectorAll("#result [data-line]")) marks[p.dataset.line] ??= p.dataset.severity;
    byId("gutter").replaceChildren(...draft().value.split("\n").map((_, i) =>
      Object.assign(document.createElement("span"), { textContent: i + 1 + "\n", className: marks[i + 1] ?? "" })));
  }

  async function post(url, data, signal) {
    const answer = await fetch(url, { method: data ? "POST" : "GET", body: data, headers: { Accept: "text/html" }, signal });
    return [parse(await answer.text()), answer.url];
  }

  // swap puts a part of another page in place of the same part of this one.
  function swap(next, id) {
    const part = next.getElementById(id);
    if (part) Idiomorph.morph(byId(id), part, { morphStyle: "outerHTML" });
    else say(next.title.split(" · ")[0]);
    return part;
  }

  async function tryIt() {
    trying?.abort();
    const mine = (trying = new AbortController());
    const data = new URLSearchParams(new FormData(form()));
    data.set("do", "try");
    byId("result").setAttribute("aria-busy", "true");
    try {
      const [next] = await post(form().action, data, mine.signal);
      if (mine === trying && form()) { swap(next, "result"); number(); }
    } catch (problem) {
      if (problem.name !== "AbortError") say("The relay does not answer: " + problem.message);
    } finally {
      if (mine === trying) byId("result")?.removeAttribute("aria-busy");
    }
  }

  // poll follows a backtest that runs.
  function poll() {
    clearTimeout(polls);
    const url = byId("backtest")?.dataset.running;
    if (url) polls = setTimeout(() => follow(document.body.dataset.root + url), 500);
  }

  async function follow(url, data) {
    try {
      swap((await post(url, data))[0], "backtest");
    } catch (problem) { say("The relay does not answer: " + problem.message); }
    poll();
  }

  document.addEventListener("input", (e) => {
    if (!form() || e.target.form !== form() || e.target.matches("[data-quiet]")) return;
    if (e.target === draft()) { keep(); number(); }
    clearTimeout(waits);
    waits = setTimeout(tryIt, 300);
  });

  document.addEventListener("submit", (e) => {
    const button = e.submitter;
    if (e.target !== form() && !button?.matches("[data-backtest]")) return;
    if (button?.value === "load") sessionStorage.removeItem(key());
    clearTimeout(waits);
    if (!button?.matches("[data-backtest]")) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    follow(button.hasAttribute("formaction") ? button.formAction : e.target.action, new URLSearchParams(new FormData(e.target)));
  }, true);

  document.addEventListener("click", (e) => {
    if (!e.target.closest("[data-download]")) return;
    const { kind, rule } = form().elements;
    const name = kind.value === "file" ? "rules" : rule.value || "rule";
    const link = Object.assign(document.createElement("a"), { download: name + ".draft.yaml",
      href: URL.createObjectURL(new Blob([draft().value], { type: "application/yaml" })) });
    link.click();
    URL.revokeObjectURL(link.href);
  });

  document.addEventListener("console:page", begin);
  begin();
})();
