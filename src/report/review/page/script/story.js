// The story of one call: log entry, ladder, facts, the rule that decided, what else was possible, and what to copy.

async function storyElement(call) {
  const box = make("div", { class: "story", role: "region", "aria-label": `Story of call ${call.id}` });
  let story = null;
  try {
    story = await storyOf(call);
  } catch (error) {
    box.append(make("p", { class: "notice" }, `The story could not be unpacked: ${error.message}. A browser of 2023 or later is needed.`));
  }
  box.append(make("h3", {}, call.title), chips(call, story), make("p", { class: "explanation" }, call.explanation));
  if (!story) {
    box.append(make("p", { class: "notice" }, "This page holds no more of this call: ", make("code", {}, `wirecause explain DIR ${call.id}`), " tells it."));
    return box;
  }
  heading(box, "Log entry");
  box.append(make("p", { class: "note" }, `${story.log_file}, line ${story.log_line}${story.service ? `, service ${story.service}` : ""}`));
  const lines = story.log_entry?.length ? story.log_entry : [`${story.url}: ${story.message ?? ""}`];
  box.append(make("pre", { class: "log-entry", tabindex: "0", role: "region", "aria-label": "Log entry" },
    lines.join("\n") + (story.log_lines_left_out ? `\n… ${story.log_lines_left_out} more lines` : "")));
  heading(box, "On the wire");
  if (story.events?.length) box.append(ladder(story));
  else box.append(make("p", { class: "note" }, story.connection_id ? "The packets of this connection were not read back; the filter below shows them." : "The call was joined to no connection."));
  heading(box, "Measured");
  box.append(make("dl", { class: "facts-grid" }, (story.facts ?? []).map((fact) =>
    make("div", {}, make("dt", {}, fact.name), make("dd", {}, make("bdi", {}, fact.value))))));
  heading(box, "The rule that decided");
  box.append(make("p", {}, make("code", {}, story.cause), `: ${story.rule ?? ""}`));
  heading(box, "What else was possible");
  box.append(story.also_possible?.length
    ? make("ul", { class: "maybe" }, story.also_possible.map((other) => make("li", {}, make("code", {}, other.cause), ` ${other.tells ?? ""}`)))
    : make("p", { class: "note" }, "Nothing that the capture leaves open."));
  heading(box, "Look for yourself");
  if (story.wireshark_filter) box.append(copyLine("Wireshark filter", story.wireshark_filter));
  const frames = frameNumbers(story);
  if (frames) box.append(copyLine("Frame numbers", frames));
  const link = `${location.href.split("#")[0]}#calls?call=${call.id}`;
  box.append(copyLine("Link to this call", link, `#calls?call=${call.id}`));
  if (story.evidence) {
    box.append(make("p", {}, "Evidence: ", make("a", { href: story.evidence.split("/").map(encodeURIComponent).join("/") }, story.evidence),
      ", the packets as captured, with comments."));
  }
  return box;
}

function heading(box, text) {
  box.append(make("h4", {}, text));
}

function chips(call, story) {
  const list = [call.cause, `side: ${call.side}`, `confidence ${Math.round(call.confidence * 100)} %`, `joined: ${call.match}`, call.symptom];
  if (story?.health) list.push(`ending: ${story.health}`);
  list.push(`id ${call.id}`);
  return make("ul", { class: "chips", "aria-label": "In short" }, list.map((text) => make("li", {}, text)));
}

function copyLine(name, text, shown = text) {
  const button = make("button", { type: "button", "aria-label": `Copy: ${name}`, onclick: () => copy(text, `${name} copied`) }, "Copy");
  return make("div", { class: "copy-line" }, make("code", { title: name }, shown), button);
}

/** Frames of the ladder by capture file, as Wireshark takes them. */
function frameNumbers(story) {
  const files = new Map();
  for (const event of story.events ?? []) {
    if (event.frame === undefined) continue;
    const file = event.capture_file ?? "";
    if (!files.has(file)) files.set(file, []);
    files.get(file).push(event.frame);
  }
  return [...files].map(([file, frames]) => `${file ? `${file}: ` : ""}frame.number in {${frames.join(", ")}}`).join("\n");
}
