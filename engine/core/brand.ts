declare const brand: unique symbol;

/** A primitive that the compiler keeps apart from its likes: a `Term` cannot be compared with a
 * `LogIndex`. */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };
