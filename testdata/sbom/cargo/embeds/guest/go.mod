module example.org/guest

go 1.26.0

require example.org/dep v1.0.0
