// The user function of the word count benchmark: the same in every program that is compared.
export const words = (line) => line.toLowerCase().match(/[a-z]+/g) ?? [];
