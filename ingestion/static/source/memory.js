// What is remembered: in localStorage if the person agrees and the browser can, else for as long as the page lives.
// Nothing is held in variables beside it, because another tab may change it.

const PREFIX = 'journeyman.';
const memory = new Map();
const signals = 'respectSignals' in options && (navigator.globalPrivacyControl || navigator.doNotTrack === '1');
const asks = options.consent === 'required' || signals;

function local(act) {
  try {
    return act(localStorage);
  } catch {
    return null; // blocked, or full
  }
}

/** true or false; undefined where the person has to be asked and has not answered. */
function consent() {
  const said = memory.get('consent') || local((storage) => storage.getItem(PREFIX + 'consent'));
  return said ? said === 'yes' : asks ? undefined : true;
}

function read(name) {
  return memory.get(name) || (consent() ? local((storage) => storage.getItem(PREFIX + name)) : null);
}

function write(name, value) {
  memory.set(name, value);
  if (consent() && local((storage) => storage.setItem(PREFIX + name, value)) !== null) memory.delete(name);
}

function forget(name) {
  memory.delete(name);
  local((storage) => storage.removeItem(PREFIX + name));
}

function names() {
  const keys = (local(Object.keys) || []).filter((key) => key.startsWith(PREFIX));
  return [...new Set([...keys.map((key) => key.slice(PREFIX.length)), ...memory.keys()])];
}

function agree(yes) {
  if (yes) {
    memory.set('consent', 'yes');
    for (const [name, value] of [...memory]) write(name, value);
    flush();
    open();
  } else {
    names().forEach(forget);
    close();
    memory.set('consent', 'no');
    if (!asks) local((storage) => storage.setItem(PREFIX + 'consent', 'no')); // who has to be asked is asked again
  }
}
