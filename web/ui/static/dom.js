// dom.js makes elements. Text goes in as text: nothing here or elsewhere reads a string as HTML.

export const byId = (id) => document.getElementById(id);

// make returns a new element with properties and children; a child that is not a node becomes text.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(element.dataset, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

export const count = (n) => n.toLocaleString("en");

export function plural(n, one, many = one + "s") {
  return `${count(n)} ${n === 1 ? one : many}`;
}
