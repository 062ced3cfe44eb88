// How events reach the front door. Each is kept under a key of its own, so that no tab overwrites another's, until it
// was answered; whatever is said again is said by the same id, so that it counts once.

const MOST = 500; // events that are kept; then the oldest give way
const LARGEST = 32000; // bytes of an event, as at the front door
const AT_ONCE = 50000; // bytes of a batch: browsers let 64 kB go while a page is being left

let count = 0;
let timer = 0;
let delay = 0;
let busy = false;
let handed = []; // names of the events that a beacon took
let hints; // what the browser tells of the device
let asked = navigator.userAgentData?.getHighEntropyValues(['formFactors']).then((values) => (hints = values), () => {});

function add(type, event) {
  if (consent() === false) return;
  const now = Date.now();
  const id = now.toString(36) + '-' + (count++).toString(36).padStart(4, '0') + '-' + random(); // sorts by time
  const current = session(now);
  if (event.properties) event.properties.session_id = current;
  const told = {
    type,
    messageId: id,
    anonymousId: anonymous(),
    userId: read('user') || undefined,
    timestamp: new Date(now),
    context: { page: here() },
    ...event,
  };
  const text = JSON.stringify(told, (_, value) => (value instanceof Node ? undefined : value));
  if (size(text) > LARGEST) throw Error('larger than 32 kB');
  const kept = events();
  if (kept.length >= MOST) forget(kept[0]);
  write('event.' + id, text);
  again(20);
}

function size(text) {
  return new Blob([text]).size;
}

function events() {
  return names().filter((name) => name.startsWith('event.') && read(name)).sort();
}

/** The oldest events that nobody has taken yet, and the body that says them. */
function batch() {
  let room = AT_ONCE;
  const chosen = events().filter((name) => !handed.includes(name) && (room -= size(read(name))) > 0);
  const context = {
    library: { name: 'journeyman.js', version: '1' },
    userAgent: navigator.userAgent,
    userAgentData: hints,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
  const envelope = JSON.stringify({ writeKey: options.writeKey, sentAt: new Date(), context });
  return [chosen, envelope.slice(0, -1) + ',"batch":[' + chosen.map(read) + ']}'];
}

function again(wait) {
  timer = timer || setTimeout(flush, wait);
}

function flush() {
  clearTimeout(timer);
  timer = 0;
  if (busy || !consent() || navigator.onLine === false) return;
  if (asked) {
    asked = 0; // it answers soon
    return again(50);
  }
  handed = []; // nobody knows what became of a beacon
  const [chosen, body] = batch();
  if (!chosen.length) return;
  let done = false;
  busy = true;
  fetch(base + '/v1/batch', { method: 'POST', body, keepalive: true, credentials: 'omit', signal: AbortSignal.timeout(20000) })
    .then((answer) => {
      done = answer.ok || [400, 409, 413].includes(answer.status); // taken, or never to be taken
      return answer.json();
    })
    .then(({ error, rejected, ignored }) => {
      if (error || rejected || ignored) console.warn('journeyman:', error || rejected || ignored);
    })
    .catch(() => {})
    .then(() => {
      busy = false;
      if (done) chosen.forEach(forget);
      delay = done ? 0 : Math.min(60000, delay * 2 || 1000);
      if (events().length) again(delay * (1 + Math.random()));
    });
}

function leave() {
  if (!consent()) return;
  const [chosen, body] = batch();
  if (chosen.length && navigator.sendBeacon(base + '/v1/batch', body)) handed.push(...chosen);
  clearTimeout(timer);
  timer = setTimeout(flush, 3000); // if the page lives on
}
