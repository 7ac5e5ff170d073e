interface A {a:string}; export const x:A={a:"1"};
