// The forms of a column, each a one-byte code and then as the form needs; the number of values is kept by the block.
//
//   same        one primitive, repeated
//   int         32-bit integers, zigzag, seven bits a byte
//   double      any numbers, IEEE, little-endian
//   latin1      strings of characters up to U+00FF      ┐
//   utf8        strings that are well-formed            ├ lengths in code units, then all characters in one piece
//   utf16       strings with lone surrogates            ┘
//   dictionary  strings of which there are few: each once, then a byte for each value
//   object      plain objects of one shape, a column for each property (shape.ts)
//   tuple       arrays of one length, a column for each element
//   lists       arrays that are known to be lists of values: their lengths, then all values in one column
//   v8          anything that is portable, as one array through node:v8
//   v8each      the same, each value by itself: two values that are one object must come back as two, since a fold
//               may change its argument

export const columnForm = {
  same: 0,
  int: 1,
  double: 2,
  latin1: 3,
  utf8: 4,
  utf16: 5,
  v8: 6,
  v8each: 7,
  object: 8,
  tuple: 9,
  lists: 10,
  dictionary: 11,
} as const;
