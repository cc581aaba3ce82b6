/** The contents of a template of index.html. */
export function fromTemplate(id) {
  return document.getElementById(id).content.cloneNode(true);
}

/** An element with text. */
export function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Writes text only where it is another: a screen reader would tell it anew. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Not `disabled`, which would take the focus away from who has just pressed the button. */
export function setAble(button, isAble) {
  if (isAble) button.removeAttribute("aria-disabled");
  else button.setAttribute("aria-disabled", "true");
}

export function isAble(button) {
  return button.getAttribute("aria-disabled") !== "true";
}

/** Makes a list's items those of `keys`, in their order; an item stays the same element for as long as its key does. */
export function keyedItems(list, keys, make) {
  const old = new Map(Array.from(list.children, (item) => [item.dataset.key, item]));
  keys.forEach((key, index) => {
    let item = old.get(key);
    old.delete(key);
    if (item === undefined) {
      item = make(key);
      item.dataset.key = key;
    }
    // Moving an element would take its focus.
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  for (const item of old.values()) item.remove();
}

/** The part of a pod's name that tells it from the others. */
export function suffix(pod) {
  return pod.slice(pod.lastIndexOf("-") + 1);
}
