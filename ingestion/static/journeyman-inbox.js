(function(){'use strict';window.journeyman.cards=(base,token,close='Close')=>{const sheet=new CSSStyleSheet();sheet.replaceSync(`
    :where(.journeyman-card) {
      position: fixed; inset: auto 1rem 1rem auto; z-index: 2147483000; box-sizing: border-box;
      max-width: min(22rem, 100vw - 2rem); padding: 1rem 2.5rem 1rem 1rem; border: 1px solid; border-radius: .5rem;
      background: Canvas; color: CanvasText; font: 1rem/1.4 system-ui, sans-serif; overflow-wrap: anywhere;
    }
    :where(.journeyman-card img) { display: block; max-width: 100%; }
    :where(.journeyman-card p) { margin: .5rem 0; }
    :where(.journeyman-card button) {
      position: absolute; inset: .25rem .25rem auto auto; width: 2rem; height: 2rem;
      border: 0; background: none; color: inherit; font-size: 1.25rem; cursor: pointer;
    }`);document.adoptedStyleSheets=[...document.adoptedStyleSheets,sheet];const place=element('div',{id:'journeyman'});place.setAttribute('aria-live','polite');document.body.append(place);const taken=new Set();let queue=[];let card;let shown;const stream=new EventSource(base+'/v1/inbox/stream?token='+encodeURIComponent(token));stream.onmessage=({data})=>{const message=JSON.parse(data);if(message.read_at||taken.has(message.id))return;taken.add(message.id);queue.push(message);if(!card)show();};stream.addEventListener('expired',()=>{stream.close();document.dispatchEvent(new Event('journeyman:expired'));});const tabs=new BroadcastChannel('journeyman');tabs.onmessage=({data:[what,id]})=>{taken.add(id);queue=queue.filter((message)=>message.id!==id);if(shown===id&&(what==='closed'||document.hidden))remove();};function show(){const message=queue.shift();if(!message)return;const{id,action}=message;shown=id;const[link,image]=[message.link,message.image].map(web);const title=element('strong',{id:'journeyman-title'});card=element('div',{className:'journeyman-card'},title,element('p',{},message.body));card.setAttribute('role','dialog');card.setAttribute('aria-labelledby',title.id);const away=element('a',{href:link,onclick:()=>(tell('clicked',id),dismiss())},action||message.title);title.append(link&&!action?away:message.title);if(link&&action)card.append(away);if(image)card.prepend(element('img',{src:image,alt:'',referrerPolicy:'no-referrer'}));const shut=element('button',{type:'button',onclick:dismiss},'×');shut.setAttribute('aria-label',close);card.append(shut);place.append(card);new IntersectionObserver((entries,observer)=>{if(!entries.some((entry)=>entry.isIntersecting))return;observer.disconnect();tell('seen',id);tabs.postMessage(['seen',id]);}).observe(card);}
function dismiss(){tabs.postMessage(['closed',shown]);remove();}
function remove(){card.remove();card=shown=null;show();}
function element(name,properties,...children){const made=Object.assign(document.createElement(name),properties);made.append(...children);return made;}
function web(text){try{const url=new URL(text);return['http:','https:'].includes(url.protocol)?url.href:'';}catch{return'';}}
function tell(what,id){const headers={Authorization:'Bearer '+token};const told={method:'POST',headers,body:JSON.stringify({ids:[id]}),keepalive:true,credentials:'omit'};fetch(base+'/v1/inbox/'+what,told).catch(()=>{});}
function escape(event){if(card&&event.key==='Escape'&&!event.defaultPrevented)dismiss();}
document.addEventListener('keydown',escape);return()=>{stream.close();tabs.close();queue=[];place.remove();card=null;document.removeEventListener('keydown',escape);document.adoptedStyleSheets=document.adoptedStyleSheets.filter((each)=>each!==sheet);};};})();
