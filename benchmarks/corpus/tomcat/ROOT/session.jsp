<% Object a = session.getAttribute("a"); session.setAttribute("a", 1); %><%= a %><jsp:include page="/WEB-INF/views/lost.jsp"/>
