// Package functions measures the six services as Lambda functions: the size of their archives, the time until an
// instance requests work, and the memory of an idle instance.
package functions
