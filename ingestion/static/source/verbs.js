// What a page may say: journeyman('track', 'Product Viewed', {product_id: 'p-1'}).

const watches = options.pageViews !== 'off';

function track(event, properties) {
  add('track', { event, properties: { ...properties } });
}

const verbs = { track, identify, page, reset, consent: agree, dataLayer: listen, inbox };

/** A page is never harmed by what it says to us. */
function attempt(act) {
  try {
    act();
  } catch (error) {
    console.error('journeyman:', error.message);
  }
}

function journeyman(verb, ...rest) {
  attempt(() => verbs[verb](...rest));
}

function start() {
  waiting.forEach((call) => journeyman(...call));
  if (watches) attempt(watch);
  if (options.layer) journeyman('dataLayer', options.layer);
  attempt(flush);
}

const waiting = (window.journeyman || {}).q || [];
journeyman.loaded = true;
window.journeyman = journeyman;
addEventListener('online', flush);
addEventListener('pagehide', leave);
document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && leave());
if (document.prerendering) document.addEventListener('prerenderingchange', start, { once: true });
else start();
