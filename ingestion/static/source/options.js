// How the page wants it: the attributes of the script tag.

if (window.journeyman?.loaded) return; // it is there twice

const script = document.currentScript;
const base = script.src.replace(/\/js\/journeyman\.js.*/, '');
const options = script.dataset;
