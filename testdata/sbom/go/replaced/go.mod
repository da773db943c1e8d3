module example.org/app

go 1.20

require (
	example.org/a v1.0.0
	example.org/b v1.0.0
	example.org/c v1.0.0
	example.org/d v1.0.0
)

replace (
	example.org/a => example.com/fork/a v1.0.1
	example.org/b v1.0.0 => ./local
	example.org/c v0.9.0 => ./local
	example.org/d => /home/somebody/d
)
