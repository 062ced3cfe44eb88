// Which page is looked at, also where a page changes its address by itself. A query is never told: it may hold anything.

let address = location.href;
let referrer = document.referrer;

function plain(url) {
  return url.split(/[?#]/)[0];
}

/** The path, with that of a page whose routes stand behind the #. */
function route() {
  return location.pathname + (/^#!?\/[^?]*/.exec(location.hash) || '');
}

function here() {
  return { path: route(), referrer: plain(referrer), title: document.title, url: location.origin + route() };
}

function page(name, properties) {
  add('page', { name, properties: { ...here(), ...properties } });
}

function watch() {
  let shown;
  const look = () => {
    const now = route() + location.search;
    if (now === shown) return;
    if (shown) referrer = address;
    [shown, address] = [now, location.href];
    page();
  };
  for (const change of ['pushState', 'replaceState']) {
    const original = history[change];
    history[change] = function () {
      original.apply(this, arguments);
      setTimeout(look); // the title comes after the address
    };
  }
  addEventListener('popstate', () => setTimeout(look));
  look();
}
