export declare const words: (line: string) => string[];
