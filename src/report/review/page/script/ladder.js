// The ladder of a call: an ordered list, so that it reads as one where nothing is drawn.

/** Times without a packet that are worth a line, in seconds. */
const PAUSE = 0.1;

function ladder(story) {
  const list = make("ol", { class: "ladder" });
  let last = null;
  (story.events ?? []).forEach((event, index) => {
    if (story.gap_before === index) {
      list.append(make("li", { class: "whole" }, make("div", { class: "pause" }, `… ${story.packets_left_out} packets left out …`)));
    }
    const pause = last === null ? 0 : (event.time_ns - last) / 1e9;
    if (pause >= PAUSE && story.gap_before !== index) {
      list.append(make("li", { class: "whole" }, make("div", { class: "pause" }, `${span(pause)} without a packet`)));
    }
    last = event.time_ns;
    list.append(rung(event, story));
  });
  const head = make("div", { class: "ladder-head", "aria-hidden": "true" },
    make("span", { class: "gw" }, `gateway ${story.gateway ?? ""}`), make("span", { class: "peer" }, `peer ${story.peer ?? ""}`));
  return make("div", { class: "ladder-box" }, head, list);
}

function rung(event, story) {
  const time = make("span", { class: "time" }, timeOfDay(event.time_ns));
  if (event.who === "log") {
    return make("li", { class: "whole" }, make("div", { class: "log-event" }, time, make("b", {}, "Log line"),
      make("bdi", {}, event.note ?? `${story.log_file}, line ${story.log_line}: ${story.message ?? ""}`)));
  }
  if (event.who === "path") {
    return make("li", { class: "whole" }, make("div", { class: "third" }, time, make("b", {}, "From elsewhere"), make("bdi", {}, event.note ?? ""),
      event.frame === undefined ? null : ` (frame ${event.frame})`));
  }
  const right = event.who === "gateway-to-peer";
  const flags = event.flags ?? "";
  const kind = flags.includes("RST") ? "rst" : flags.includes("FIN") ? "fin" : "";
  const classes = [right ? "right" : "left", kind, event.retransmission ? "again" : "", event.decides ? "decides" : ""];
  return make("li", { class: classes.filter(Boolean).join(" ") },
    time,
    make("span", { class: "rail l", "aria-hidden": "true" }),
    make("div", { class: "wire" },
      make("span", { class: "vh" }, right ? "Gateway to peer: " : "Peer to gateway: "),
      make("span", { class: "what" }, make("span", { class: "flags" }, flags), ` ${numbers(event)}`),
      make("span", { class: "arrow", "aria-hidden": "true" })),
    make("span", { class: "rail r", "aria-hidden": "true" }),
    make("div", { class: "side-note" }, notes(event)));
}

function numbers(event) {
  const parts = [];
  if (event.seq !== undefined) parts.push(`seq ${event.seq}`);
  if (event.ack !== undefined) parts.push(`ack ${event.ack}`);
  if (event.payload) parts.push(`len ${event.payload}`);
  if (event.window !== undefined) parts.push(`win ${event.window}`);
  return parts.join("  ");
}

function notes(event) {
  const parts = [];
  if (event.frame !== undefined) parts.push(make("span", { class: "frame" }, `#${event.frame}`));
  if (event.retransmission) parts.push(make("b", {}, " sent again"));
  const fields = [];
  if ((event.flags ?? "").includes("RST")) {
    if (event.ttl !== undefined) fields.push(`TTL ${event.ttl}`);
    if (event.ip_id !== undefined) fields.push(`IP-ID ${event.ip_id}`);
  }
  if (fields.length) parts.push(` ${fields.join(", ")}`);
  if (event.note) parts.push(" ", make("bdi", {}, event.note));
  return parts;
}
