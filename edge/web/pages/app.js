"use strict";
// The live page: one WebSocket brings the state as JSON, then the JPEG of the same frame. Both are shown together,
// so a box is never seen on another picture. The page acknowledges each pair; a slow link then skips pictures.

(() => {
  const STALE_MS = 3000;          // without news for this time, the page says that it is not live
  const HIDDEN_MS = 30000;        // a tab in the background stops watching after this time
  const EVENTS_SHOWN = 8;
  const LABELS = { with_mask: "mask", without_mask: "no mask", incorrect_mask: "worn wrong", unknown: "not yet known" };
  const CAPTIONS = {
    blurred: "Faces are blurred before a picture leaves the door.",
    none: "No picture leaves the door: boxes only.",
    full: "Faces are shown as the camera sees them.",
  };
  const WAITS_MS = [500, 1000, 2000, 5000];

  const byId = (id) => document.getElementById(id);
  const picture = byId("picture");
  const setText = (id, text) => { const node = byId(id); if (node.textContent !== text) node.textContent = text; };

  let socket = null;
  let pending = null;             // the state whose picture has not come yet
  let shown = null;               // the state on the page
  let shownUrl = null;
  let newsAt = performance.now();
  let failures = 0;
  let reconnect = 0;
  let hiddenSince = 0;
  let lastEvent = 0;
  let refusal = "";

  // --- the connection

  function connect() {
    clearTimeout(reconnect);
    const url = new URL("ws", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(url);
    socket.binaryType = "blob";
    socket.onmessage = (message) => {
      if (typeof message.data === "string") pending = JSON.parse(message.data);
      else showPicture(pending, message.data);
    };
    socket.onclose = (event) => lost(event);
  }

  function lost(event) {
    socket = null;
    refusal = event.code === 1013 ? event.reason : "";
    if (document.hidden && hiddenSince) return;
    const wait = WAITS_MS[Math.min(failures, WAITS_MS.length - 1)];
    failures += 1;
    if (failures > 1 || event.code === 1008) askWhy();
    reconnect = setTimeout(connect, wait);
    tell();
  }

  // A socket that is refused says nothing: a plain request tells whether the login has ended.
  async function askWhy() {
    try {
      const answer = await fetch("api/v1/state");
      if (answer.status === 401) location.reload();
    } catch { /* nobody is there: the next try comes */ }
  }

  // --- what is shown

  function showPicture(state, blob) {
    const source = socket;
    const url = URL.createObjectURL(blob);
    const done = () => {
      if (shownUrl) URL.revokeObjectURL(shownUrl);
      shownUrl = url;
      newsAt = performance.now();
      failures = 0;
      refusal = "";
      showState(state);
      tell();
      if (source && source.readyState === WebSocket.OPEN) source.send(JSON.stringify({ ack: state.number }));
    };
    picture.onload = done;
    picture.onerror = done;
    picture.src = url;
  }

  function showState(state) {
    shown = state;
    const counts = state.decision.counts;
    picture.hidden = false;
    picture.alt = describe(counts);
    byId("view").classList.add("has-picture");
    for (const tile of document.querySelectorAll("[data-label]")) {
      tile.querySelector("dd").textContent = counts[tile.dataset.label] || 0;
    }
    setText("fps", state.fps.toFixed(1));
    setText("p90", state.p90_ms === null ? "–" : `${state.p90_ms.toFixed(0)} ms`);
    setText("temperature", state.board.temperature_c === null ? "–" : `${state.board.temperature_c.toFixed(0)} °C`);
    setText("memory", state.board.memory_mb === null ? "–" : `${state.board.memory_mb.toFixed(0)} MB`);
    setText("faces", `${state.totals.new_faces}`);
    setText("dropped", `${state.totals.dropped}`);
    setText("viewers", `${state.viewers}`);
    showTrouble(state);
    if (state.last_event !== lastEvent) fetchEvents(state.last_event);
  }

  function showTrouble(state) {
    const troubles = [state.degraded];
    if (state.board.under_voltage) troubles.push("the power supply is too weak");
    if (state.board.throttled) troubles.push("the processor is slowed down");
    const text = troubles.filter(Boolean).join("; ");
    byId("degraded").hidden = !text;
    setText("degraded", text);
  }

  function describe(counts) {
    const parts = Object.entries(counts).map(([label, count]) => `${count} ${LABELS[label]}`);
    return `The camera's picture: ${parts.length ? parts.join(", ") : "nobody"}`;
  }

  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1).toLowerCase();

  function showDecision(state, words, reason) {
    byId("decision").dataset.state = state;
    byId("shape").setAttribute("href", `#shape-${state}`);
    setText("words", words);
    setText("reason", reason);
    document.title = `${words} · ${document.querySelector(".brand span").textContent}`;
  }

  // The decision, or that there are no news: an old "pass" must never stand here.
  function tell() {
    const stale = performance.now() - newsAt > STALE_MS || Boolean(refusal);
    const live = Boolean(shown) && !stale;
    const link = byId("link");
    link.dataset.link = live ? "live" : stale ? "stale" : "connecting";
    setText("link", live ? "Live" : stale ? "Not live" : "Connecting");
    byId("view").classList.toggle("is-old", stale && Boolean(shown));
    if (live) {
      const { decision, message } = shown;
      showDecision(decision.state, sentence(message), decision.reason);
      setText("since", `for ${duration((Date.parse(shown.time) - Date.parse(decision.since)) / 1000)}`);
      return;
    }
    setText("since", "");
    setText("cover", refusal || (stale ? "Not live" : "Waiting for a picture"));
    if (stale) {
      showDecision("stale", "No connection", refusal || "No news from the door; the page tries again by itself");
    }
  }

  function duration(seconds) {
    if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
    const minutes = Math.floor(seconds / 60);
    return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  // --- events

  async function fetchEvents(newest) {
    const since = newest < lastEvent ? 0 : lastEvent;   // smaller numbers: the door has started again
    lastEvent = newest;
    try {
      const answer = await fetch(`api/v1/events?since=${since}`);
      if (answer.ok) showEvents((await answer.json()).events, since === 0);
    } catch { lastEvent = since; }
  }

  function showEvents(events, anew) {
    const list = byId("events");
    if (anew) list.replaceChildren();
    for (const event of events.slice(-EVENTS_SHOWN)) list.prepend(eventItem(event));
    while (list.children.length > EVENTS_SHOWN) list.lastElementChild.remove();
  }

  function eventItem(event) {
    const item = document.createElement("li");
    const dot = Object.assign(document.createElement("span"), { className: "dot" });
    const text = Object.assign(document.createElement("span"), { className: "text", textContent: sentence(event.reason) });
    const time = document.createElement("time");
    time.dateTime = event.at;
    time.textContent = new Date(event.at).toLocaleTimeString();
    item.dataset.state = event.state;
    item.append(dot, text, time);
    return item;
  }

  // --- the page itself

  function showParts() {
    const { parts, role, login } = document.body.dataset;
    for (const node of document.querySelectorAll("[data-part]")) {
      const allowed = !node.dataset.needs || node.dataset.needs === role;
      node.hidden = !(parts.split(" ").includes(node.dataset.part) && allowed);
    }
    byId("logout").hidden = login !== "yes";
    const caption = byId("caption");
    caption.textContent = CAPTIONS[caption.dataset.pictures] || "";
  }

  function watchVisibility() {
    hiddenSince = 0;
    if (document.hidden) {
      setTimeout(() => {
        if (!document.hidden) return;
        hiddenSince = performance.now();
        if (socket) socket.close();
      }, HIDDEN_MS);
    } else if (!socket) {
      failures = 0;
      connect();
    }
  }

  showParts();
  connect();
  setInterval(tell, 500);
  document.addEventListener("visibilitychange", watchVisibility);
})();
