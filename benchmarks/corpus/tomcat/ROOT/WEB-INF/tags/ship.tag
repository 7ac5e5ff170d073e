<%@ tag %><%@ attribute name="name" %><p>${name}</p>
