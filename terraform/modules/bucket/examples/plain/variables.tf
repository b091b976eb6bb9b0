variable "thing" {
  description = "What the bucket is for; part of its name."
  type        = string
  default     = "things"
}
