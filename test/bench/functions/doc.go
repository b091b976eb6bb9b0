// Package functions measures the six services as what they are in production: Lambda functions. How big is what is
// uploaded, how soon does an instance ask for work, and what does it hold while there is none.
package functions
