// The failed calls: the list is read at once, a chunk of stories when the first of its calls is opened.

const packed = JSON.parse(document.getElementById("call-list").textContent);

const calls = packed.rows.map((row, index) => ({
  index,
  id: row[0],
  time: row[1],
  endpoint: packed.endpoints[row[2]],
  symptom: packed.symptoms[row[3]],
  cause: packed.causes[row[4]],
  title: packed.titles[row[4]],
  side: packed.sides[row[5]],
  match: packed.matches[row[6]],
  confidence: row[7],
  file: packed.files[row[8]],
  line: row[9],
  url: row[10],
  message: row[11],
  explanation: row[12],
  more: row[13],
  findings: row[14],
}));

const callById = new Map(calls.map((call) => [call.id, call]));

/** Everything about a call that a reader may type, in lower case; made when it is first asked for. */
function haystack(call) {
  call.haystack ??= [
    call.url, call.message, call.explanation, call.more, call.id, call.endpoint, call.symptom, call.cause, call.title,
    `${call.file}:${call.line}`,
  ].join("\n").toLowerCase();
  return call.haystack;
}

const chunkElements = document.querySelectorAll("script.stories");
const chunkCache = new Map();

/** The story of a call; null where the page holds none. */
async function storyOf(call) {
  const number = Math.floor(call.index / packed.chunk);
  const element = chunkElements[number];
  if (!element) return null;
  if (!chunkCache.has(number)) chunkCache.set(number, unpack(element.textContent));
  return (await chunkCache.get(number))[call.index % packed.chunk];
}

/** Base64 of gzipped JSON to its value. */
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** Date and time in UTC of milliseconds since 1970. */
function instant(ms) {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}

/** The time of day in UTC of nanoseconds since 1970, to the microsecond. */
function timeOfDay(ns) {
  const us = Math.round(ns / 1000);
  const second = new Date(Math.floor(us / 1e6) * 1000).toISOString().slice(11, 19);
  return `${second}.${String(((us % 1e6) + 1e6) % 1e6).padStart(6, "0")}`;
}

/** Seconds with a unit that suits their size. */
function span(seconds) {
  const size = Math.abs(seconds);
  if (size < 1e-3) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (size < 1) return `${(seconds * 1e3).toFixed(size < 0.1 ? 1 : 0)} ms`;
  return `${seconds.toFixed(3)} s`;
}
