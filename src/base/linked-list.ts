// A doubly linked list: append, insert and remove in O(1), for queues from whose middle things are taken.

export interface ListNode<T> {
  readonly value: T;
  previous: ListNode<T> | null;
  next: ListNode<T> | null;
}

export class LinkedList<T> {
  private head: ListNode<T> | null = null;
  private tail: ListNode<T> | null = null;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get first(): ListNode<T> | null {
    return this.head;
  }

  get last(): ListNode<T> | null {
    return this.tail;
  }

  /** Appends. The node is the receipt with which the value is taken out again. */
  append(value: T): ListNode<T> {
    return this.insertAfter(this.tail, value);
  }

  /** Inserts behind `node`, or at the front if it is null. */
  insertAfter(node: ListNode<T> | null, value: T): ListNode<T> {
    const next = node === null ? this.head : node.next;
    const inserted: ListNode<T> = { value, previous: node, next };
    if (node === null) this.head = inserted;
    else node.next = inserted;
    if (next === null) this.tail = inserted;
    else next.previous = inserted;
    this.count++;
    return inserted;
  }

  /** Takes out a node of this list. Must be in it. */
  remove(node: ListNode<T>): void {
    if (node.previous === null) this.head = node.next;
    else node.previous.next = node.next;
    if (node.next === null) this.tail = node.previous;
    else node.next.previous = node.previous;
    node.previous = null;
    node.next = null;
    this.count--;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let node = this.head; node !== null; node = node.next) yield node.value;
  }
}
