// The script of all pages. Every link and form works without it; with it, links and forms that have data-go change the
// page in place, keys work, and texts can be copied.
"use strict";
(() => {
  const page = document.documentElement;
  page.classList.add("scripted");
  // The one place where text becomes elements: the answers of this address, parsed without running anything.
  const same = (text) => text;
  const trust = { createHTML: same, createScriptURL: same };
  const policy = window.trustedTypes?.createPolicy("console", trust) ?? trust;
  const parse = (text) => new DOMParser().parseFromString(policy.createHTML(text), "text/html");

  const byId = (id) => document.getElementById(id);
  const one = (css) => document.querySelector(css);
  const all = (css) => [...document.querySelectorAll(css)];
  const element = (name, fields = {}) => Object.assign(document.createElement(name), fields);
  const button = (className, textContent, onclick) => element("button", { className, textContent, onclick });

  // --- Pages in place ---
  const parts = ["top", "bands", "main", "foot"];
  const options = {
    morphStyle: "outerHTML",
    ignoreActiveValue: true,
    callbacks: {
      // What a person has opened or chosen stays: popovers, and the details that the newer page has too.
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.nodeName === "DETAILS"),
    },
  };
  let loading = null;

  // show puts a newer page in place of this one. It is also the seam for pages that change by themselves.
  function show(text) {
    const next = parse(text);
    if (!next.getElementById("main")) return false;
    document.title = next.title;
    document.body.dataset.root = next.body.dataset.root;
    page.dataset.scheme = next.documentElement.dataset.scheme;
    // What is being typed stays. Idiomorph takes any focused element for that, also the whole <main>.
    options.ignoreActiveValue = Boolean(document.activeElement?.matches("input, select, textarea"));
    for (const id of parts) Idiomorph.morph(byId(id), next.getElementById(id), options);
    ready();
    return true;
  }

  async function go(url, { push = true, body = null } = {}) {
    loading?.abort();
    const mine = (loading = new AbortController());
    const main = byId("main");
    main.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(url, {
        method: body ? "POST" : "GET", body, headers: { Accept: "text/html" }, signal: mine.signal, credentials: "same-origin",
      });
      const kind = answer.headers.get("Content-Type") || "";
      if (!kind.startsWith("text/html") || (answer.status === 503 && !body)) return void (location.href = url);
      if (answer.status === 401 && body) return void askToken(() => go(url, { push, body }));
      const text = await answer.text();
      const target = answer.url + (new URL(url, location.href).hash || "");
      all("[popover]:popover-open").forEach((p) => p.hidePopover());
      if (push && target !== location.href) history.pushState(null, "", target);
      if (!show(text)) return void location.reload();
      if (push) { scrollTo(0, 0); byId("main").focus({ preventScroll: true }); }
    } catch (problem) {
      if (problem.name !== "AbortError") say("The relay does not answer: " + problem.message);
    } finally {
      if (loading === mine) { loading = null; byId("main").removeAttribute("aria-busy"); }
    }
  }

  // askToken signs in without leaving the page, so that a filled form is not lost.
  function askToken(then) {
    const box = dialog("Sign in again");
    const form = element("form", { method: "dialog" });
    const token = element("input", { type: "password", autocomplete: "current-password", required: true });
    token.setAttribute("aria-label", "Token");
    form.append(token, " ", button("main", "Sign in"));
    form.addEventListener("submit", async (e) => {
      e.preventDefault();
      const answer = await fetch(document.body.dataset.root + "login",
        { method: "POST", body: new URLSearchParams({ token: token.value, name: one(".who span")?.textContent }), headers: { Accept: "text/html" } });
      if (!answer.ok) return say(answer.status === 429 ? "Too many wrong tokens. Wait a minute." : "This token is wrong.");
      box.close();
      then();
    });
    box.append(form);
    box.showModal();
  }

  // --- The end of the session: two minutes before, a dialog asks ---
  let ends = Infinity;
  const arm = (left) => (ends = left ? Date.now() + left * 1000 : Infinity);

  // stay uses the session, and leaves the page as it is. One that is as old as it may get needs the token again.
  async function stay() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const left = parse(await answer.text()).getElementById("left")?.dataset.left;
    left > 120 ? arm(left) : askToken(stay);
  }

  function warn() {
    const box = dialog("You are signed out at " + new Date(ends).toLocaleTimeString());
    ends = Infinity;
    box.append(button("main", "Stay signed in", () => { box.close(); stay(); }));
    box.showModal();
  }

  // --- Live: the stream of the page sends what differs from what it shows ---
  let source = null, lost = "", polls = 0, patience = 0, told = 0;
  const pausedKey = () => "paused " + location.pathname.replace(/[^/]*$/, "") + byId("main").dataset.live?.split("?")[0];
  const paused = () => localStorage.getItem(pausedKey()) === "yes";
  // What a person fills in or ticks stays as it is.
  const keep = { ...options, callbacks: { beforeNodeMorphed: (node) => node.id !== "filters", beforeAttributeUpdated: (name, node) =>
    options.callbacks.beforeAttributeUpdated(name, node) && !(name === "checked" && node.type === "checkbox") } };

  function chip(text, newer = "") {
    const bar = byId("live"), main = byId("main");
    if (!main.dataset.live) return bar.replaceChildren();
    bar.classList.toggle("on", text === "live");
    const pause = button("quiet", paused() ? "resume" : "pause", () => {
      localStorage.setItem(pausedKey(), paused() ? "no" : "yes");
      paused() ? connect() : reload();
    });
    pause.dataset.key = ".";
    const count = button("newer", newer + " newer – show", reload);
    count.hidden = !newer;
    if (newer && Date.now() - told > 1e4) { told = Date.now(); say(newer + " newer"); }
    bar.replaceChildren(element("span", { textContent: paused() ? "paused" : text }), pause, count);
  }

  const reload = () => go(location.href, { push: false });

  function disconnect() {
    source?.close();
    source = null;
    clearInterval(polls);
    clearTimeout(patience);
  }

  // poll loads the page again now and then, where no stream comes through.
  function poll(why) {
    disconnect();
    chip(why + ", loaded again every 15 s");
    polls = setInterval(() => document.hidden || loading || reload(), 15000);
  }

  function connect() {
    disconnect();
    const main = byId("main");
    chip(main.dataset.live ? "…" : "");
    if (!main.dataset.live || document.hidden || paused()) return;
    const stream = (source = new EventSource(main.dataset.live));
    const on = (name, act) => stream.addEventListener(name, (e) => stream === source && act(JSON.parse(e.data)));
    patience = setTimeout(() => poll("not live: a proxy holds the stream back"), 10000);
    on("hello", () => { clearTimeout(patience); lost = ""; chip("live"); });
    on("trouble", (d) => chip(d.text));
    on("ended", () => { disconnect(); chip("signed out"); });
    on("alive", (d) => arm(d.left));
    on("main", (d) => Idiomorph.morph(main, [...parse(d.html).body.childNodes], { ...keep, morphStyle: "innerHTML" }));
    on("part", (d) => replace(d));
    on("row", (d) => replace(d, "<table><tbody>" + d.html));
    on("gone", (d) => byId(d.id)?.remove());
    on("head", (d) => chip("live", d.newer + (d.more ? "+" : "")));
    stream.onerror = () => {
      if (stream !== source) return;
      clearTimeout(patience);
      lost ||= new Date().toLocaleTimeString();
      if (stream.readyState === EventSource.CLOSED) return poll("not live since " + lost);
      chip("not live since " + lost + ", tries again");
    };
  }

  function replace({ id, html, before }, text = html) {
    const next = parse(text).getElementById(id), now = byId(id);
    if (now) return Idiomorph.morph(now, next, { ...keep, morphStyle: "outerHTML" });
    const list = byId(before)?.parentNode || one("tr[data-row]")?.parentNode;
    next.classList.add("fresh");
    list?.insertBefore(next, byId(before));
  }

  addEventListener("visibilitychange", () => (document.hidden ? disconnect() : source || connect()));
  addEventListener("pageshow", (e) => e.persisted && connect());

  // Ages such as "4 s ago" go on without the relay.
  setInterval(() => {
    if (Date.now() > ends - 12e4) warn();
    for (const t of all("time[data-ago]")) {
      const s = (Date.now() - Date.parse(t.dateTime)) / 1000, a = Math.abs(s);
      const [n, unit] = a < 100 ? [a, "s"] : a < 6000 ? [a / 60, "min"] : a < 36e4 ? [a / 3600, "h"] : [a / 86400, "d"];
      const text = (n < 10 ? +n.toFixed(1) : n.toFixed(0)) + " " + unit;
      t.textContent = a < 1 ? "now" : s < 0 ? "in " + text : text + " ago";
    }
  }, 5000);

  addEventListener("popstate", () => go(location.href, { push: false }));

  document.addEventListener("click", (e) => {
    if (e.defaultPrevented || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
    const copy = e.target.closest("[data-copy]");
    if (copy) return copyFrom(copy);
    const source = e.target.closest("a[data-copy-from]");
    if (source) { e.preventDefault(); return void copyAnswer(source); }
    if (e.target.closest("[data-keys]")) return help();
    const link = e.target.closest("a[data-go]");
    if (link && link.origin === location.origin) { e.preventDefault(); go(link.href); return; }
    const row = e.target.closest("tr[data-row]");
    if (row && !e.target.closest("a, button, input, label, summary") && !String(getSelection())) row.querySelector("a")?.click();
  });

  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (!form.matches("form[data-go]")) return;
    e.preventDefault();
    const data = new FormData(form, e.submitter);
    const url = new URL(e.submitter?.getAttribute("formaction") || form.action, location.href);
    if (form.method === "post") return void go(url.href, { body: new URLSearchParams(data) });
    for (const [name, value] of [...data]) if (value === "") data.delete(name);
    url.search = new URLSearchParams(data);
    go(url.href);
  });

  document.addEventListener("change", (e) => {
    if (e.target.matches("[data-submit]")) e.target.form.requestSubmit();
    if (e.target.matches("[data-ticks]")) for (const tick of ticks()) tick.checked = e.target.checked;
  });

  // --- Copy ---
  async function copyFrom(button) {
    const from = byId(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(from ? from.value ?? from.textContent : button.dataset.copy);
      say("Copied");
    } catch {
      const range = document.createRange();
      if (from) { from.closest("[hidden]")?.removeAttribute("hidden"); range.selectNodeContents(from); }
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      say("Press Ctrl+C to copy what is selected");
    }
  }

  // copyAnswer copies what a link leads to. Where that is not allowed, the link is followed.
  async function copyAnswer(link) {
    try {
      const answer = await fetch(link.href);
      if (!answer.ok) throw new Error(answer.statusText);
      await navigator.clipboard.writeText(await answer.text());
      say("Copied: " + link.textContent);
      link.closest("details")?.removeAttribute("open");
    } catch { location.href = link.href; }
  }

  // --- Keys: an element with data-key="g e" is clicked, or focused if it is a field ---
  let before = "", beforeAt = 0;
  const off = () => localStorage.getItem("keys") === "off";
  const editing = (node) => node.closest?.("input, select, textarea, [contenteditable], dialog");
  const ticks = () => all("tr[data-row] .tick input");
  const links = () => all("tr[data-row] a[data-open]");

  function move(step) {
    const rows = links();
    const at = rows.findIndex((a) => a.closest("tr").contains(document.activeElement));
    const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step];
    next?.focus();
  }

  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || off()) return;
    if (e.key === "Escape" && document.activeElement?.matches("input, select, textarea")) return document.activeElement.blur();
    if (editing(e.target)) return;
    const now = Date.now(), keys = before && now - beforeAt < 1500 ? before + " " + e.key : e.key;
    before = e.key === "g" ? "g" : "";
    beforeAt = now;
    if (e.key === "Escape" && one(":popover-open")) return;
    if (keys === "j" || keys === "k") { e.preventDefault(); return move(keys === "j" ? 1 : -1); }
    const tick = keys === " " && document.activeElement.closest("tr")?.querySelector(".tick input");
    if (tick) { e.preventDefault(); return tick.click(); }
    if (keys === "o") {
      const link = document.activeElement?.closest("tr[data-row]")?.querySelector("a[data-open]");
      return void (link && window.open(link.href, "_blank", "noopener"));
    }
    const target = one(`[data-key="${CSS.escape(keys)}"]`);
    if (!target) return;
    e.preventDefault();
    if (target.matches("input:not([type=checkbox]), select, textarea")) { target.focus(); target.select?.(); } else target.click();
  });

  function help() {
    const box = dialog("Keys");
    const list = element("dl");
    const add = (keys, what) => {
      const dt = element("dt");
      for (const k of keys.split(" ")) dt.append(element("kbd", { textContent: k === "Escape" ? "Esc" : k }), " ");
      list.append(dt, element("dd", { textContent: what }));
    };
    if (links().length) { add("j k", "next and previous row"); add("Enter o", "open the row, here or in a new tab"); }
    if (ticks().length) add("Space", "tick the row");
    for (const node of all("[data-key]")) {
      const label = node.getAttribute("aria-label") || node.title || node.textContent.trim() || node.placeholder;
      add(node.dataset.key, label);
    }
    const toggle = element("input", { type: "checkbox", checked: !off() });
    toggle.addEventListener("change", () => localStorage.setItem("keys", toggle.checked ? "on" : "off"));
    const label = element("label");
    label.append(toggle, " Keys are on");
    box.append(list, label);
    box.showModal();
  }

  function dialog(title) {
    const box = element("dialog");
    const head = element("div", { className: "head" });
    const heading = element("h2", { textContent: title, id: "dialog-title" });
    box.setAttribute("aria-labelledby", "dialog-title");
    head.append(heading, button("quiet", "Close", () => box.close()));
    box.append(head);
    box.addEventListener("close", () => box.remove());
    document.body.append(box);
    return box;
  }

  let quiet = 0;
  function say(text) {
    let toast = byId("toast");
    if (!toast) {
      toast = element("div", { id: "toast" });
      toast.setAttribute("role", "status");
      document.body.append(toast);
    }
    toast.textContent = text;
    clearTimeout(quiet);
    quiet = setTimeout(() => (toast.textContent = ""), 4000);
  }

  // --- What each newly shown page needs ---
  function ready() {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const choice = one("select[name=zone]");
    if (choice && zone?.includes("/") && ![...choice.options].some((o) => o.value === zone))
      choice.append(element("option", { value: zone, textContent: zone + " (yours)" }));
    arm(byId("left")?.dataset.left);
    connect();
    // A page may have a script of its own, which then stays and hears of each further page.
    const more = one("[data-load]")?.dataset.load, src = more && new URL(more, location).href;
    if (src && !one(`script[src="${src}"]`))
      document.head.append(element("script", { src: policy.createScriptURL(src) }));
    document.dispatchEvent(new Event("console:page"));
  }
  window.relayConsole = { parse, say };

  // The address of the icon is relative, and is read again whenever that of the page changes.
  for (const link of all("link[rel=icon]")) link.href = link.href;
  if (new URLSearchParams(location.search).has("again")) {
    const clean = new URL(location.href);
    clean.searchParams.delete("again");
    history.replaceState(null, "", clean);
  }
  // After the first frame, so that nothing here delays it.
  requestAnimationFrame(() => setTimeout(ready));
})();
