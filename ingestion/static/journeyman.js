(function(){'use strict';if(window.journeyman?.loaded)return;const script=document.currentScript;const base=script.src.replace(/\/js\/journeyman\.js.*/,'');const options=script.dataset;const PREFIX='journeyman.';const memory=new Map();const signals='respectSignals'in options&&(navigator.globalPrivacyControl||navigator.doNotTrack==='1');const asks=options.consent==='required'||signals;function local(act){try{return act(localStorage);}catch{return null;}}
function consent(){const said=memory.get('consent')||local((storage)=>storage.getItem(PREFIX+'consent'));return said?said==='yes':asks?undefined:true;}
function read(name){return memory.get(name)||(consent()?local((storage)=>storage.getItem(PREFIX+name)):null);}
function write(name,value){memory.set(name,value);if(consent()&&local((storage)=>storage.setItem(PREFIX+name,value))!==null)memory.delete(name);}
function forget(name){memory.delete(name);local((storage)=>storage.removeItem(PREFIX+name));}
function names(){const keys=(local(Object.keys)||[]).filter((key)=>key.startsWith(PREFIX));return[...new Set([...keys.map((key)=>key.slice(PREFIX.length)),...memory.keys()])];}
function agree(yes){if(yes){memory.set('consent','yes');for(const[name,value]of[...memory])write(name,value);flush();open();}else{names().forEach(forget);close();memory.set('consent','no');if(!asks)local((storage)=>storage.setItem(PREFIX+'consent','no'));}}
const SESSION=30*60*1000;function random(){return crypto.getRandomValues(new Uint32Array(4)).join('');}
function anonymous(){if(!read('anonymous'))write('anonymous',random());return read('anonymous');}
function session(now){const[id,last]=(read('session')||' 0').split(' ');const current=now-last<SESSION?id:now.toString(36);write('session',current+' '+now);return current;}
function identify(user,traits){const named=user&&typeof user!=='object';if(named){if(read('user')&&read('user')!==user+'')reset();write('user',user+'');}
add('identify',{traits:(named?traits:user||traits)||{}});}
function reset(){['user','anonymous','session'].forEach(forget);close();}
const MOST=500;const LARGEST=32000;const AT_ONCE=50000;let count=0;let timer=0;let delay=0;let busy=false;let handed=[];let hints;let asked=navigator.userAgentData?.getHighEntropyValues(['formFactors']).then((values)=>(hints=values),()=>{});function add(type,event){if(consent()===false)return;const now=Date.now();const id=now.toString(36)+'-'+(count++).toString(36).padStart(4,'0')+'-'+random();const current=session(now);if(event.properties)event.properties.session_id=current;const told={type,messageId:id,anonymousId:anonymous(),userId:read('user')||undefined,timestamp:new Date(now),context:{page:here()},...event,};const text=JSON.stringify(told,(_,value)=>(value instanceof Node?undefined:value));if(size(text)>LARGEST)throw Error('larger than 32 kB');const kept=events();if(kept.length>=MOST)forget(kept[0]);write('event.'+id,text);again(20);}
function size(text){return new Blob([text]).size;}
function events(){return names().filter((name)=>name.startsWith('event.')&&read(name)).sort();}
function batch(){let room=AT_ONCE;const chosen=events().filter((name)=>!handed.includes(name)&&(room-=size(read(name)))>0);const context={library:{name:'journeyman.js',version:'1'},userAgent:navigator.userAgent,userAgentData:hints,timezone:Intl.DateTimeFormat().resolvedOptions().timeZone,};const envelope=JSON.stringify({writeKey:options.writeKey,sentAt:new Date(),context});return[chosen,envelope.slice(0,-1)+',"batch":['+chosen.map(read)+']}'];}
function again(wait){timer=timer||setTimeout(flush,wait);}
function flush(){clearTimeout(timer);timer=0;if(busy||!consent()||navigator.onLine===false)return;if(asked){asked=0;return again(50);}
handed=[];const[chosen,body]=batch();if(!chosen.length)return;let done=false;busy=true;fetch(base+'/v1/batch',{method:'POST',body,keepalive:true,credentials:'omit',signal:AbortSignal.timeout(20000)}).then((answer)=>{done=answer.ok||[400,409,413].includes(answer.status);return answer.json();}).then(({error,rejected,ignored})=>{if(error||rejected||ignored)console.warn('journeyman:',error||rejected||ignored);}).catch(()=>{}).then(()=>{busy=false;if(done)chosen.forEach(forget);delay=done?0:Math.min(60000,delay*2||1000);if(events().length)again(delay*(1+Math.random()));});}
function leave(){if(!consent())return;const[chosen,body]=batch();if(chosen.length&&navigator.sendBeacon(base+'/v1/batch',body))handed.push(...chosen);clearTimeout(timer);timer=setTimeout(flush,3000);}
let address=location.href;let referrer=document.referrer;function plain(url){return url.split(/[?#]/)[0];}
function route(){return location.pathname+(/^#!?\/[^?]*/.exec(location.hash)||'');}
function here(){return{path:route(),referrer:plain(referrer),title:document.title,url:location.origin+route()};}
function page(name,properties){add('page',{name,properties:{...here(),...properties}});}
function watch(){let shown;const look=()=>{const now=route()+location.search;if(now===shown)return;if(shown)referrer=address;[shown,address]=[now,location.href];page();};for(const change of['pushState','replaceState']){const original=history[change];history[change]=function(){original.apply(this,arguments);setTimeout(look);};}
addEventListener('popstate',()=>setTimeout(look));look();}
const layers=new Set();function listen(name='dataLayer'){const layer=(window[name]=window[name]||[]);if(layers.has(layer))return;layers.add(layer);layer.forEach(hear);const push=layer.push;layer.push=function(...entries){const answer=push.apply(layer,entries);entries.forEach(hear);return answer;};}
function hear(entry){attempt(()=>{const[verb,name,more]=entry?.[0]?entry:[];const said=verb?{event:verb==='event'&&name,...(verb==='set'?name:more)}:{...entry,...entry?.ecommerce};const{event,ecommerce,eventTimeout,user_id:user,user_data:person,'gtm.uniqueEventId':number,...properties}=said;if(user&&user+''!==read('user'))identify(user);if(typeof event!=='string'||/^(gtm\.|$)/.test(event))return;if(event!=='page_view'||!watches)track(event,properties);});}
let token;let stop;let loading;function inbox(given){close();token=given;open();}
function open(){if(!token||stop||!consent())return;if(journeyman.cards)stop=journeyman.cards(base,token,options.close);else if(!loading){loading=document.createElement('script');loading.src=base+'/js/journeyman-inbox.js';loading.onload=open;document.head.append(loading);}}
function close(){stop?.();stop=token=null;}
const watches=options.pageViews!=='off';function track(event,properties){add('track',{event,properties:{...properties}});}
const verbs={track,identify,page,reset,consent:agree,dataLayer:listen,inbox};function attempt(act){try{act();}catch(error){console.error('journeyman:',error.message);}}
function journeyman(verb,...rest){attempt(()=>verbs[verb](...rest));}
function start(){waiting.forEach((call)=>journeyman(...call));if(watches)attempt(watch);if(options.layer)journeyman('dataLayer',options.layer);attempt(flush);}
const waiting=(window.journeyman||{}).q||[];journeyman.loaded=true;window.journeyman=journeyman;addEventListener('online',flush);addEventListener('pagehide',leave);document.addEventListener('visibilitychange',()=>document.visibilityState==='hidden'&&leave());if(document.prerendering)document.addEventListener('prerenderingchange',start,{once:true});else start();})();
