// Who it is, and whether they have been here the whole time.

const SESSION = 30 * 60 * 1000; // without activity

function random() {
  return crypto.getRandomValues(new Uint32Array(4)).join('');
}

function anonymous() {
  if (!read('anonymous')) write('anonymous', random());
  return read('anonymous');
}

function session(now) {
  const [id, last] = (read('session') || ' 0').split(' ');
  const current = now - last < SESSION ? id : now.toString(36);
  write('session', current + ' ' + now);
  return current;
}

function identify(user, traits) {
  const named = user && typeof user !== 'object';
  if (named) {
    if (read('user') && read('user') !== user + '') reset(); // somebody else on the same device
    write('user', user + '');
  }
  add('identify', { traits: (named ? traits : user || traits) || {} });
}

function reset() {
  ['user', 'anonymous', 'session'].forEach(forget);
  close();
}
