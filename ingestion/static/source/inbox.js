// The person's in-app messages; what shows them is loaded by those pages alone that have a token.

let token;
let stop; // once messages are shown
let loading;

function inbox(given) {
  close();
  token = given;
  open();
}

function open() {
  if (!token || stop || !consent()) return;
  if (journeyman.cards) stop = journeyman.cards(base, token, options.close);
  else if (!loading) {
    loading = document.createElement('script');
    loading.src = base + '/js/journeyman-inbox.js';
    loading.onload = open;
    document.head.append(loading);
  }
}

function close() {
  stop?.();
  stop = token = null;
}
