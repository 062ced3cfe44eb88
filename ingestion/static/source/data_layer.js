// What a page pushes for a tag manager: {event: 'purchase', ecommerce: {…}} and gtag('event', 'purchase', {…}).

const layers = new Set();

function listen(name = 'dataLayer') {
  const layer = (window[name] = window[name] || []);
  if (layers.has(layer)) return;
  layers.add(layer);
  layer.forEach(hear);
  const push = layer.push;
  layer.push = function (...entries) {
    const answer = push.apply(layer, entries);
    entries.forEach(hear);
    return answer;
  };
}

function hear(entry) {
  attempt(() => {
    const [verb, name, more] = entry?.[0] ? entry : [];
    const said = verb ? { event: verb === 'event' && name, ...(verb === 'set' ? name : more) } : { ...entry, ...entry?.ecommerce };
    // Left out: what is GTM's own, and what advertisers are told of a person.
    const { event, ecommerce, eventTimeout, user_id: user, user_data: person, 'gtm.uniqueEventId': number, ...properties } = said;
    if (user && user + '' !== read('user')) identify(user);
    if (typeof event !== 'string' || /^(gtm\.|$)/.test(event)) return;
    if (event !== 'page_view' || !watches) track(event, properties);
  });
}
