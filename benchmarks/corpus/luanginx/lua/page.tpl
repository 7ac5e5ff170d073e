<p>{name}</p>
